"""Identities of third parties on the reference store, 32 callers at once: one person, one account, and a way in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from lingpai.accounts import ended_accounts, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import DisableUser, PutIdentity, PutUser
from lingpai.authentication import factors
from lingpai.bootstrap import build
from lingpai.clients.service import new_client
from lingpai.identity_providers.model import Identity
from lingpai.kernel.writes import Write
from lingpai.services import Services
from lingpai.sessions.model import TokenSet
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter
from lingpai.store import DynamoStore, Store
from tests.support import logins
from tests.support.contention import queued_or_refused, racing_store
from tests.support.races import RACERS, race, refusals, won
from tests.support.time import START, Time
from tests.support.wechat import APPS, MINI, SECOND

CLIENT = new_client("mini", "spring", "mini-secret", scopes=("web",), sign_provider="wechat", sign_app=MINI)
HERE = Presenter(CLIENT, "192.0.2.1")
UNION = "wechat:unionid"
ONE = Identity("wechat", MINI, "open-1", "union-1")
TWO = Identity("wechat", SECOND, "open-2", "union-1")
GOOGLE = Identity("oidc", "https://accounts.google.com", "subject-1")


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    store = racing_store(request, reference)
    providers = '{"google": {"issuer": "https://accounts.google.com", "audiences": ["ours.example"]}}'
    settings = reference.settings.model_validate(
        {**reference.settings.model_dump(), "wechat_apps": APPS, "oidc_providers": providers}
    )
    return build(settings, store, Time().clock())


def log_in(services: Services, identity: Identity, number: str | None = None) -> TokenSet:
    return logins.by_identity(services, CLIENT, ("web",), identity, number)


def everybody(services: Services) -> list[User]:
    return list(services.store.list_users(1000, None).users)


def everybody_by_id(services: Services) -> dict[int, User]:
    return {user.id: user for user in everybody(services)}


def finds(services: Services, issuer: str, openid: str) -> int | None:
    return services.store.find_user_id(identities.openid_key(issuer, openid))


def add(services: Services, number: int, *identities: Identity, **fields: Any) -> int:
    """An account, the `number`th of its test."""
    names = tuple(sorted({name for identity in identities for name in identity.names}))
    return accounts.add(services, replace(User(id=1000 + number, created_at=START, openids=names), **fields))


def is_whole(services: Services) -> None:
    """Every id and number that an account has finds it."""
    for user in everybody(services):
        if user.mobile is not None:
            assert services.store.find_user_id(identities.mobile_key(user.mobile)) == user.id
        for issuer, openid in user.openids:
            assert finds(services, issuer, openid) == user.id


@queued_or_refused
def test_first_logins_of_two_apps_make_one_account(services: Services) -> None:
    """One person, two mini-programs of one company, 32 first logins at once: all succeed, in one account."""
    outcomes = race([partial(log_in, services, (ONE, TWO)[i % 2]) for i in range(RACERS)])
    assert refusals(outcomes) == {}
    (user,) = everybody(services)
    assert {tokens.user_id for tokens in won(outcomes)} == {user.id}
    assert user.openids == ((UNION, "union-1"), (f"wechat:{MINI}", "open-1"), (f"wechat:{SECOND}", "open-2"))
    assert len(services.store.sessions_of(user.id)) == RACERS
    is_whole(services)


@queued_or_refused
def test_two_people_who_come_at_once_stay_two(services: Services) -> None:
    other = Identity("wechat", SECOND, "open-9", "union-9")
    outcomes = race([partial(log_in, services, (ONE, TWO, other)[i % 3]) for i in range(RACERS)])
    assert refusals(outcomes) == {}
    assert sorted(len(user.openids) for user in everybody(services)) == [2, 3]
    is_whole(services)


@queued_or_refused
def test_an_account_that_has_no_union_gets_it_once(services: Services) -> None:
    """It was made before the app belonged to an open platform; another app's first login comes at the same time."""
    user_id = add(services, 0, replace(ONE, union=None))
    outcomes = race([partial(log_in, services, ONE) for _ in range(RACERS)])
    assert refusals(outcomes) == {}
    (user,) = everybody(services)
    assert (user.id, dict(user.openids)) == (user_id, {UNION: "union-1", f"wechat:{MINI}": "open-1"})
    is_whole(services)


@queued_or_refused
def test_a_union_is_of_one_account(services: Services) -> None:
    """Where the two came before the union did, the faster one has it, and both are let in, each to its own."""
    first, second = add(services, 0, replace(ONE, union=None)), add(services, 1, replace(TWO, union=None))
    outcomes = race([partial(log_in, services, (ONE, TWO)[i % 2]) for i in range(RACERS)])
    assert refusals(outcomes) == {}
    assert [tokens.user_id for tokens in won(outcomes)] == [first, second] * (RACERS // 2)
    holders = [user.id for user in everybody(services) if UNION in dict(user.openids)]
    assert holders == [finds(services, UNION, "union-1")]
    is_whole(services)


@dataclass
class Meanwhile:
    """A store on which something happens just before the first commit."""

    store: Store
    happens: Callable[[], None]
    over: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, *writes: Write) -> None:
        if not self.over:
            self.over = True
            self.happens()
        self.store.commit(*writes)


@pytest.mark.parametrize("identity", [GOOGLE, ONE, replace(ONE, union="union-other")], ids=["one", "two", "other"])
def test_a_login_that_unlinking_overtakes_opens_nothing_there(services: Services, identity: Identity) -> None:
    """The sessions end when the identity has gone; one that began before must not come after."""
    user_id = add(services, 0, GOOGLE, ONE, mobile="+8613800000000")

    def unlink() -> None:
        for provider in ("google", "wechat"):
            factors.unlink_identity(services, user_id, provider, None)
        ended_accounts.end_all(services, user_id)

    late: Any = Meanwhile(services.store, unlink)
    assert log_in(replace(services, store=late), identity).user_id != user_id
    assert services.store.sessions_of(user_id) == ()


def test_a_login_by_a_number_that_moves_meanwhile_opens_nothing_there(services: Services) -> None:
    user_id = add(services, 0, mobile="+8613800000000")
    sms_codes.send(services, sms_codes.SendRequest("+8613800000000", CLIENT.id, "en"), "192.0.2.1")
    assert isinstance(services.sms, ConsoleSender)
    code = services.sms.outbox[-1].code
    move = partial(factors.link, services, user_id, "+8613800000001", None, None, HERE)
    late: Any = Meanwhile(services.store, lambda: (move(), None)[1])
    tokens = logins.by_code(replace(services, store=late), CLIENT, ("web",), "+8613800000000", code, HERE)
    assert tokens.user_id != user_id
    assert services.store.sessions_of(user_id) == ()


def test_who_is_found_by_the_union_is_not_who_is_disabled(services: Services) -> None:
    user_id = log_in(services, ONE).user_id
    assert user_id is not None
    services.store.commit(DisableUser(user_id))
    outcomes = race([partial(log_in, services, (ONE, TWO)[i % 2]) for i in range(RACERS)])
    assert refusals(outcomes) == {"400 invalid_grant account_disabled": RACERS}
    assert finds(services, TWO.issuer, TWO.openid) is None


def test_an_account_keeps_the_ids_that_it_has(services: Services) -> None:
    """WeChat says another union of the same openid, or another openid of the same union: it is just let in."""
    user_id = log_in(services, ONE).user_id
    before = everybody(services)
    assert log_in(services, replace(ONE, union="union-other")).user_id == user_id
    assert log_in(services, replace(ONE, openid="open-other")).user_id == user_id
    assert everybody(services) == before
    assert finds(services, UNION, "union-other") is None
    assert finds(services, ONE.issuer, "open-other") is None


# --- with a proven number ---------------------------------------------------------------------------------

NUMBER, OTHER_NUMBER = "+8613800000000", "+8613800000001"


@queued_or_refused
def test_first_logins_with_a_number_make_one_account(services: Services) -> None:
    """The same person, whom the number alone joins: two apps without a union, and the number in both."""
    people = [replace(ONE, union=None), replace(TWO, union=None)]
    outcomes = race([partial(log_in, services, people[i % 2], NUMBER) for i in range(RACERS)])
    assert refusals(outcomes) == {}
    (user,) = everybody(services)
    assert {tokens.user_id for tokens in won(outcomes)} == {user.id}
    assert (user.mobile, user.openids) == (NUMBER, ((f"wechat:{MINI}", "open-1"), (f"wechat:{SECOND}", "open-2")))
    is_whole(services)


@queued_or_refused
def test_an_account_that_has_the_number_gets_the_ids(services: Services) -> None:
    user_id = add(services, 0, mobile=NUMBER)
    outcomes = race([partial(log_in, services, ONE, NUMBER) for _ in range(RACERS)])
    assert refusals(outcomes) == {}
    (user,) = everybody(services)
    assert {tokens.user_id for tokens in won(outcomes)} == {user_id}
    assert (user.id, user.mobile, dict(user.openids)) == (user_id, NUMBER, dict(ONE.names))
    is_whole(services)


@queued_or_refused
def test_a_number_is_of_one_account(services: Services) -> None:
    """Two accounts whose people prove the same number: the faster one has it, and both are let in, each to its own."""
    first, second = add(services, 0, ONE), add(services, 1, GOOGLE)
    outcomes = race([partial(log_in, services, (ONE, GOOGLE)[i % 2], NUMBER) for i in range(RACERS)])
    assert refusals(outcomes) == {}
    assert [tokens.user_id for tokens in won(outcomes)] == [first, second] * (RACERS // 2)
    (holder,) = [user.id for user in everybody(services) if user.mobile is not None]
    assert services.store.find_user_id(identities.mobile_key(NUMBER)) == holder
    is_whole(services)


def test_a_first_login_has_the_number_and_the_next_finds_all(services: Services) -> None:
    tokens = log_in(services, ONE, NUMBER)
    before = everybody(services)
    (user,) = before
    assert (user.id, user.mobile, dict(user.openids)) == (tokens.user_id, NUMBER, dict(ONE.names))
    assert log_in(services, ONE).user_id == log_in(services, ONE, NUMBER).user_id == user.id
    assert everybody(services) == before


def test_an_account_without_a_number_gets_it(services: Services) -> None:
    user_id = add(services, 0, ONE)
    assert log_in(services, ONE, NUMBER).user_id == user_id
    assert everybody(services)[0].mobile == NUMBER
    is_whole(services)


def test_an_account_keeps_its_number(services: Services) -> None:
    """Another number is no reason to find another account, or to change this one."""
    user_id = add(services, 0, ONE, mobile=NUMBER)
    other = add(services, 1, mobile=OTHER_NUMBER)
    before = everybody(services)
    assert log_in(services, ONE, OTHER_NUMBER).user_id == user_id
    assert log_in(services, ONE, "+8613800000002").user_id == user_id
    assert everybody(services) == before
    assert services.store.find_user_id(identities.mobile_key(OTHER_NUMBER)) == other
    assert services.store.find_user_id(identities.mobile_key("+8613800000002")) is None


def test_what_another_account_has_stays_there(services: Services) -> None:
    """The id in the app decides; neither the union nor the number of another account is taken from it."""
    user_id = add(services, 0, replace(ONE, union=None))
    of_union, of_number = add(services, 1, TWO), add(services, 2, mobile=NUMBER)
    assert log_in(services, ONE, NUMBER).user_id == user_id
    assert log_in(services, ONE, OTHER_NUMBER).user_id == user_id
    by_id = everybody_by_id(services)
    assert (by_id[user_id].mobile, by_id[user_id].openids) == (OTHER_NUMBER, ONE.names[:1])
    assert by_id[of_union].openids == tuple(sorted(TWO.names))
    assert by_id[of_number].mobile == NUMBER
    is_whole(services)


def test_the_union_comes_before_the_number(services: Services) -> None:
    user_id, of_number = add(services, 0, TWO), add(services, 1, mobile=NUMBER)
    assert log_in(services, ONE, NUMBER).user_id == user_id
    assert dict(everybody_by_id(services)[user_id].openids)[ONE.issuer] == "open-1"
    assert everybody_by_id(services)[of_number].openids == ()
    is_whole(services)


def test_an_account_that_another_id_has_in_the_app_keeps_it(services: Services) -> None:
    """A number leads to its account, and whoever proved it is let in: the account's own id is not replaced."""
    user_id = add(services, 0, ONE, mobile=NUMBER)
    before = everybody(services)
    assert log_in(services, Identity("wechat", MINI, "open-9"), NUMBER).user_id == user_id
    assert everybody(services) == before
    assert finds(services, ONE.issuer, "open-9") is None


def test_a_disabled_account_is_found_and_refused(services: Services) -> None:
    user_id = add(services, 0, mobile=NUMBER)
    services.store.commit(DisableUser(user_id))
    outcomes = race([partial(log_in, services, ONE, NUMBER) for _ in range(2)])
    assert refusals(outcomes) == {"400 invalid_grant account_disabled": 2}
    assert finds(services, ONE.issuer, "open-1") is None


@pytest.mark.parametrize("identity", [ONE, replace(ONE, union="union-other")], ids=["same", "other union"])
def test_unlinking_overtakes_a_login_that_brings_a_number(services: Services, identity: Identity) -> None:
    """The number is added to the account only while that has the id that led there."""
    user_id = add(services, 0, GOOGLE, ONE)

    def unlink() -> None:
        factors.unlink_identity(services, user_id, "wechat", None)
        ended_accounts.end_all(services, user_id)

    late: Any = Meanwhile(services.store, unlink)
    assert log_in(replace(services, store=late), identity, NUMBER).user_id != user_id
    assert everybody_by_id(services)[user_id].mobile is None
    assert services.store.sessions_of(user_id) == ()
    is_whole(services)


# --- linking and unlinking --------------------------------------------------------------------------------


@queued_or_refused
def test_an_identity_is_linked_to_one_account(services: Services) -> None:
    ids = [add(services, i, mobile=f"+86138000000{i:02d}") for i in range(RACERS)]
    outcomes = race([partial(factors.link_identity, services, user_id, ONE) for user_id in ids])
    (winner,) = won(outcomes)
    assert refusals(outcomes) == {"409 conflict openid_taken": RACERS - 1}
    assert [user.id for user in everybody(services) if user.openids] == [winner.id]
    is_whole(services)


@queued_or_refused
def test_linking_and_a_first_login_at_once(services: Services) -> None:
    """Either the account has it and the login comes into it, or the login made another and linking is refused."""
    user_id = add(services, 0, mobile="+8613800000000")
    calls: list[Any] = [partial(log_in, services, GOOGLE)] * (RACERS - 1)
    outcomes = race([*calls, partial(factors.link_identity, services, user_id, GOOGLE)])
    assert set(refusals(outcomes)) <= {"409 conflict openid_taken"}
    holder = finds(services, GOOGLE.issuer, GOOGLE.openid)
    assert {outcome.user_id for outcome in outcomes if isinstance(outcome, TokenSet)} == {holder}
    assert (holder == user_id) == (refusals(outcomes) == {})
    is_whole(services)


@queued_or_refused
def test_the_last_two_ways_in_are_never_both_unlinked(services: Services) -> None:
    """32 at once, half for the one and half for the other: one of the two stays, whichever it is."""
    user_id = add(services, 0, ONE, GOOGLE)
    names = ("wechat", "google")
    outcomes = race([partial(factors.unlink_identity, services, user_id, names[i % 2], None) for i in range(RACERS)])
    (after,) = won(outcomes)
    refused = refusals(outcomes)
    assert set(refused) <= {"409 conflict last_way_in", "404 not_found identity_not_found"}
    assert refused["409 conflict last_way_in"] == RACERS // 2
    (user,) = everybody(services)
    assert user == after
    assert user.openids in (ONE.names[::-1], GOOGLE.names)
    is_whole(services)
    kept = [name for name in (*ONE.names, *GOOGLE.names) if finds(services, *name) is not None]
    assert sorted(kept) == list(user.openids)


@queued_or_refused
def test_one_is_linked_while_another_is_unlinked(services: Services) -> None:
    """In any order there is a way in, and what finds the account is what it has."""
    user_id = add(services, 0, ONE)
    calls = [
        partial(factors.link_identity, services, user_id, GOOGLE),
        partial(factors.unlink_identity, services, user_id, "wechat", None),
    ]
    outcomes = race([calls[i % 2] for i in range(RACERS)])
    allowed = {"409 conflict last_way_in", "404 not_found identity_not_found", "409 conflict changed_meanwhile"}
    assert set(refusals(outcomes)) <= allowed
    (user,) = everybody(services)
    assert GOOGLE.names[0] in user.openids
    is_whole(services)


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({"mobile": "+8613800000000"}, True),
        ({"username": "alice", "password": "$argon2id$one"}, True),
        ({"username": "alice"}, False),
        ({"password": "$argon2id$one"}, False),
        ({}, False),
        ({"openids": (*ONE.names, ("trusted:default", "o-1"))}, True),
        ({"openids": (*ONE.names, ("oidc:https%3A//gone.example", "s"))}, False),
        ({"openids": (*ONE.names, ("wechat:wx0000000000000000", "o"))}, False),
        ({"openids": (*ONE.names, ("unknown:default", "o"))}, False),
    ],
    ids=str,
)
def test_what_is_a_way_in(services: Services, fields: dict[str, Any], may: bool) -> None:
    """A username without a password is none, nor is a third party that nobody asks any more."""
    user_id = add(services, 0, ONE, **fields)
    (outcome,) = race([partial(factors.unlink_identity, services, user_id, "wechat", None)])
    assert isinstance(outcome, User) is may
    assert refusals([outcome]) == ({} if may else {"409 conflict last_way_in": 1})


def test_a_person_leaves_all_apps_of_wechat(services: Services) -> None:
    """The id that stayed in one would lead back to the others by the union, which that one's login brings back."""
    user_id = add(services, 0, ONE, TWO, GOOGLE)
    user = factors.unlink_identity(services, user_id, "wechat", MINI)
    assert user.openids == GOOGLE.names
    assert log_in(services, TWO).user_id != user_id


def test_apps_that_no_union_joins_leave_one_by_one(services: Services) -> None:
    first, second = replace(ONE, union=None), replace(TWO, union=None)
    user_id = add(services, 0, first, second)
    assert factors.unlink_identity(services, user_id, "wechat", MINI).openids == second.names
    (outcome,) = race([partial(factors.unlink_identity, services, user_id, "wechat", SECOND)])
    assert refusals([outcome]) == {"409 conflict last_way_in": 1}


def test_an_id_in_place_of_another_is_refused(services: Services) -> None:
    user_id = add(services, 0, ONE)
    for other in (replace(ONE, openid="open-other"), replace(ONE, union="union-other"), replace(TWO, union="union-9")):
        (outcome,) = race([partial(factors.link_identity, services, user_id, other)])
        assert refusals([outcome]) == {"409 conflict identity_in_place": 1}
    assert dict(factors.link_identity(services, user_id, TWO).openids)[TWO.issuer] == "open-2"
    assert factors.link_identity(services, user_id, TWO) == everybody(services)[0], "the same again is no mistake"


def test_a_union_that_another_account_holds_is_not_linked(services: Services) -> None:
    holder = log_in(services, ONE).user_id
    user_id = add(services, 0, mobile="+8613800000000")
    (outcome,) = race([partial(factors.link_identity, services, user_id, TWO)])
    assert refusals([outcome]) == {"409 conflict openid_taken": 1}
    assert log_in(services, TWO).user_id == holder


def test_an_admin_who_gives_another_openid_takes_the_union_away(services: Services) -> None:
    """Else the one who had the app's openid before would still be let in by the union."""
    user_id = add(services, 0, ONE)
    factors.link(services, user_id, None, None, Identity("wechat", MINI, "open-new"), HERE)
    (user,) = everybody(services)
    assert user.openids == ((ONE.issuer, "open-new"),)
    assert log_in(services, ONE).user_id != user_id
    kept = factors.link(services, user_id, None, None, Identity("wechat", MINI, "open-new"), HERE)
    assert kept == user


def test_a_row_that_leads_nowhere_lets_nobody_in(services: Services) -> None:
    """It cannot be, and if it were: refused, and no account made beside it."""
    services.store.commit(
        PutUser(User(id=7, created_at=START)), PutIdentity(identities.openid_key(UNION, "union-1"), 8)
    )
    (outcome,) = race([partial(log_in, services, ONE)])
    assert refusals([outcome]) == {"400 invalid_grant account_disabled": 1}
    assert [user.id for user in everybody(services)] == [7]
