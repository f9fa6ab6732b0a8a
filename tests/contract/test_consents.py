"""Consents: kept with the account, merged, listed and revoked, on every store."""

from dataclasses import replace

import pytest

from lingpai import bootstrap
from lingpai.accounts.storage import ChangeUser, CheckUser, DeleteUser, PutUser
from lingpai.consents import service as consents
from lingpai.consents.storage import Given, SaveConsents
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict
from lingpai.services import Services
from lingpai.sessions.storage import PutSession
from tests.support.browsers import web_app
from tests.support.samples import WholeStore, a_session, a_user
from tests.support.stores import settings

SHOP, OTHER, BANK = web_app("shop", first_party=False), web_app("other", first_party=False), web_app("bank")
GIVEN: dict[str, tuple[str, ...]] = {"shop": ("openid", "phone"), "书店": ("openid",)}


@pytest.fixture
def services(store: WholeStore) -> Services:
    named = getattr(store, "settings", None) or settings()
    return bootstrap.build(named, store)


def test_what_is_saved_is_found(store: WholeStore) -> None:
    store.commit(PutUser(a_user()))
    assert store.get_consents(1) == {}
    before: Given = {}
    following: tuple[Given, ...] = (GIVEN, {"shop": ("openid",)}, {}, GIVEN)
    for after in following:
        store.commit(SaveConsents(1, before, after))
        assert list(store.get_consents(1).items()) == list(after.items())
        before = after
    assert store.get_user(1) == a_user()


def test_what_was_changed_meanwhile_is_not_lost(store: WholeStore) -> None:
    """Nor is anything kept for an account that is not there."""
    nobodys: tuple[Given, ...] = ({}, GIVEN)
    for before in nobodys:
        with pytest.raises(Conflict):
            store.commit(SaveConsents(1, before, {"shop": ()}))
    store.commit(PutUser(a_user()))
    store.commit(SaveConsents(1, {}, GIVEN))
    others: tuple[Given, ...] = ({}, {"shop": ("openid",)}, dict(reversed(GIVEN.items())))
    for before in others:
        with pytest.raises(Conflict):
            store.commit(SaveConsents(1, before, {"shop": ()}))
    assert store.get_consents(1) == GIVEN


def test_they_are_kept_with_the_account(store: WholeStore) -> None:
    """A change of the account leaves them alone; they go with it."""
    store.commit(PutUser(a_user()))
    store.commit(SaveConsents(1, {}, GIVEN))
    changed = a_user(username="other")
    store.commit(ChangeUser(a_user(), changed))
    assert store.get_consents(1) == GIVEN
    store.commit(DeleteUser(changed))
    store.commit(PutUser(a_user()))
    assert store.get_consents(1) == {}


def test_scopes_are_merged(services: Services) -> None:
    services.store.commit(PutUser(a_user()))
    consents.grant(services, 1, SHOP, ("openid", "phone"))
    consents.grant(services, 1, OTHER, ("openid",))
    consents.grant(services, 1, SHOP, ("profile", "openid"))
    given = consents.list_consents(services, 1)
    assert list(given.items()) == [("other", ("openid",)), ("shop", ("openid", "phone", "profile"))]
    assert consents.missing_scopes(SHOP, ("phone", "roles", "openid"), given) == ("roles",)
    assert consents.missing_scopes(web_app("new", first_party=False), ("openid",), given) == ("openid",)


@pytest.mark.security("ASVS-10.7.3")
def test_a_consent_can_be_revoked(services: Services) -> None:
    services.store.commit(PutUser(a_user()))
    consents.grant(services, 1, SHOP, ("openid",))
    consents.grant(services, 1, OTHER, ("openid",))
    for _ in range(2):
        consents.revoke(services, 1, "shop")
        assert consents.list_consents(services, 1) == {"other": ("openid",)}
    assert consents.missing_scopes(SHOP, ("openid",), consents.list_consents(services, 1)) == ("openid",)


@pytest.mark.security("ASVS-10.7.3")
@pytest.mark.parametrize("count", [1, 99, 101])
def test_a_client_s_sessions_end_with_its_consent(services: Services, count: int) -> None:
    """All of that client and that account, and no others."""
    services.store.commit(PutUser(a_user()))
    consents.grant(services, 1, SHOP, ("openid",))
    ends = a_session(1).refresh_expires_at
    for each in range(count):
        services.store.commit(PutSession(a_session(1, each, client_id="shop"), ends))
    kept = (a_session(1, 1000, client_id="other"), a_session(2, client_id="shop"))
    for session in kept:
        services.store.commit(PutSession(session, ends))
    consents.revoke(services, 1, "shop")
    assert consents.list_consents(services, 1) == {}
    assert [services.store.sessions_of(user_id) for user_id in (1, 2)] == [(each.key,) for each in kept]
    # Such a session without a consent, as a code opens that was on its way.
    services.store.commit(PutSession(a_session(1, 1001, client_id="shop"), ends))
    consents.revoke(services, 1, "shop")
    assert services.store.sessions_of(1) == (kept[0].key,)


@pytest.mark.security("ASVS-10.7.3")
def test_an_account_tells_whom_it_has_consented_to(store: WholeStore) -> None:
    """Only ids of clients count, whole, and no scopes."""
    store.commit(PutUser(a_user()))
    with pytest.raises(Conflict):
        store.commit(CheckUser(1, consented="shop"))
    given: Given = {"shop": ("openid", "phone"), 'quoted "id", [': ("openid",), "书店": ("read",)}
    store.commit(SaveConsents(1, {}, given))
    for client_id in given:
        store.commit(CheckUser(1, consented=client_id))
    for other in ("sho", "hop", "openid", "read", "id", '", [', "bank"):
        with pytest.raises(Conflict):
            store.commit(CheckUser(1, consented=other))
    store.commit(SaveConsents(1, given, {}))
    with pytest.raises(Conflict):
        store.commit(CheckUser(1, consented="shop"))


def test_a_session_that_a_code_opens_meanwhile_ends_too(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is opened after the sessions were listed, and before the consent is forgotten."""
    services.store.commit(PutUser(a_user()))
    consents.grant(services, 1, SHOP, ("openid",))
    late = a_session(1, client_id="shop")
    read = services.store.get_consents

    def get_consents(user_id: int) -> Given:
        services.store.commit(PutSession(late, late.refresh_expires_at))
        return read(user_id)

    monkeypatch.setattr(services.store, "get_consents", get_consents)
    consents.revoke(services, 1, "shop")
    assert services.store.sessions_of(1) == ()


@pytest.mark.security("ASVS-10.7.1")
def test_whom_users_are_asked_for() -> None:
    """Clients of others, for scopes that are new; never those of the deployment's owner."""
    assert consents.missing_scopes(SHOP, ("openid", "phone"), {}) == ("openid", "phone")
    assert consents.missing_scopes(BANK, ("openid", "phone"), {}) == ()
    assert consents.missing_scopes(replace(BANK, first_party=False), ("openid",), {}) == ("openid",)


def test_an_account_stays_small(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consents, "CLIENTS_MAX", 2)
    services.store.commit(PutUser(a_user()))
    for name in ("one", "two", "one", "three"):
        consents.grant(services, 1, web_app(name), ("openid",))
    assert set(consents.list_consents(services, 1)) == {"one", "three"}


def test_an_account_that_is_gone(services: Services) -> None:
    with pytest.raises(LingpaiError) as caught:
        consents.grant(services, 1, SHOP, ("openid",))
    assert caught.value.status == 503
