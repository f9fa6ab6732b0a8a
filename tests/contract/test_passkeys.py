"""Passkeys and challenges: their writes, on every store; and on the reference store, 32 callers at once."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lingpai.accounts.storage import DeleteFactor, PutIdentity, PutUser
from lingpai.bootstrap import build
from lingpai.browser_sessions import service as browser_sessions
from lingpai.kernel.writes import Conflict, Write
from lingpai.passkeys import service as passkeys
from lingpai.passkeys.model import Challenge, Passkey, Passkeys
from lingpai.passkeys.storage import (
    ChangePasskeys,
    PutChallenge,
    PutPasskey,
    RenamePasskey,
    UseChallenge,
    UsePasskey,
    item_id,
)
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.store import DynamoStore
from tests.support.contention import queued_or_refused, racing_store
from tests.support.passkeys import Authenticator
from tests.support.races import RACERS, race, refusals, won
from tests.support.samples import NOW, WholeStore, a_user, hashed
from tests.support.time import Time

ORIGIN = "https://login.example"
CHALLENGE = Challenge(hashed("challenge"), "register", 7, NOW + 600)
PASSKEY = Passkey(
    user_id=7,
    id=b"\x00\xff" * 500,
    credential=b"\x01\xfe" * 700,
    counter=3,
    backup_eligible=True,
    backed_up=False,
    transports=("internal", "hybrid"),
    name="手机 📱",
    created_at=NOW,
    used_at=NOW + 5,
)
BARE = replace(PASSKEY, id=b"b", counter=0, backup_eligible=False, transports=(), created_at=NOW - 1, used_at=0)
BYSTANDER = PutIdentity("username:bystander", 99)


def refused(store: WholeStore, write: Write) -> None:
    """The write fails, and takes what is committed with it along."""
    with pytest.raises(Conflict) as failed:
        store.commit(write, BYSTANDER)
    assert failed.value.write == write
    assert store.find_user_id(BYSTANDER.key) is None


@pytest.mark.security("WEBAUTHN-13.4.3")
def test_a_challenge_is_used_once_in_time_and_for_what_it_was_issued(store: WholeStore) -> None:
    use = UseChallenge(CHALLENGE.value, "register", 7, NOW)
    refused(store, use)
    store.commit(PutChallenge(CHALLENGE))
    store.commit(PutChallenge(CHALLENGE))
    for wrong in (
        replace(use, purpose="login"),
        replace(use, user_id=8),
        replace(use, now=CHALLENGE.expires_at),
        replace(use, value=hashed("another")),
    ):
        refused(store, wrong)
    store.commit(replace(use, now=CHALLENGE.expires_at - 1))
    refused(store, use)


def test_what_is_put_is_found(store: WholeStore) -> None:
    assert store.list_passkeys(7) == Passkeys()
    for passkey in (PASSKEY, BARE):
        assert store.get_passkey(7, passkey.mark) is None
        store.commit(PutPasskey(passkey))
        assert store.get_passkey(7, passkey.mark) == passkey
        refused(store, PutPasskey(passkey))
    store.commit(PutPasskey(replace(PASSKEY, user_id=8)))
    assert store.list_passkeys(7) == Passkeys((BARE, PASSKEY))
    store.commit(DeleteFactor(7, item_id(PASSKEY.mark)))
    assert store.list_passkeys(7) == Passkeys((BARE,))
    refused(store, DeleteFactor(7, item_id(PASSKEY.mark)))
    assert store.get_passkey(8, PASSKEY.mark) == replace(PASSKEY, user_id=8)


def test_the_list_changes_from_one_version_to_the_next(store: WholeStore) -> None:
    for version in range(3):
        refused(store, ChangePasskeys(7, version + 1))
        assert store.list_passkeys(7).version == version
        store.commit(ChangePasskeys(7, version))
        refused(store, ChangePasskeys(7, version))
    assert store.list_passkeys(7) == Passkeys((), 3)
    assert store.list_factor_ids(7) == ("passkeys",)


@pytest.mark.security("WEBAUTHN-7.2-counter")
def test_a_counter_grows(store: WholeStore) -> None:
    use = UsePasskey(7, PASSKEY.mark, 4, True, NOW + 60)
    refused(store, use)
    store.commit(PutPasskey(PASSKEY))
    for counter in (3, 2, 0):
        refused(store, replace(use, counter=counter))
    assert store.get_passkey(7, PASSKEY.mark) == PASSKEY
    store.commit(use)
    assert store.get_passkey(7, PASSKEY.mark) == replace(PASSKEY, counter=4, backed_up=True, used_at=NOW + 60)
    refused(store, use)
    store.commit(replace(use, counter=2**32 - 1, backed_up=False))
    assert store.get_passkey(7, PASSKEY.mark) == replace(PASSKEY, counter=2**32 - 1, used_at=NOW + 60)


def test_a_counter_that_stays_at_zero(store: WholeStore) -> None:
    store.commit(PutPasskey(BARE))
    for _ in range(2):
        store.commit(UsePasskey(7, BARE.mark, 0, False, NOW))
    store.commit(UsePasskey(7, BARE.mark, 1, False, NOW))
    refused(store, UsePasskey(7, BARE.mark, 0, False, NOW))


def test_a_name(store: WholeStore) -> None:
    refused(store, RenamePasskey(7, PASSKEY.mark, "x"))
    store.commit(PutPasskey(PASSKEY))
    store.commit(RenamePasskey(7, PASSKEY.mark, "公司电脑"))
    assert store.get_passkey(7, PASSKEY.mark) == replace(PASSKEY, name="公司电脑")


# --- 32 at once


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    store = racing_store(request, reference)
    settings = reference.settings.model_validate({**reference.settings.model_dump(), "issuer": ORIGIN})
    services = build(settings, store, Time().clock())
    services.store.commit(PutUser(a_user(7, second_factors=frozenset())))
    return services


def created(services: Services, authenticator: Authenticator) -> Callable[[], None]:
    """The call that registers a new passkey of the account 7, to which a challenge was issued."""
    user = services.store.get_user(7)
    assert user is not None
    answer = authenticator.create(passkeys.begin_registration(services, user))
    return partial(passkeys.register, services, 7, answer, "a passkey", SessionKey(7, b"browser1"))


def log_in(services: Services, answer: str) -> str:
    return browser_sessions.open_session(services, passkeys.authenticate(services, answer), "Chrome/Windows")


@queued_or_refused
@pytest.mark.security("WEBAUTHN-13.4.3")
def test_one_answer_logs_in_once(services: Services) -> None:
    """And a challenge is used once, whatever passkey answers it."""
    phone, key = Authenticator(ORIGIN), Authenticator(ORIGIN, counter=None)
    for authenticator in (phone, key):
        created(services, authenticator)()
    for answering in ([phone], [key], [phone, key]):
        request = passkeys.begin_login(services)
        answers = [authenticator.get(request) for authenticator in answering]
        calls = [partial(log_in, services, answers[number % len(answers)]) for number in range(RACERS)]
        outcomes = race(calls)
        assert len(won(outcomes)) == 1
        assert refusals(outcomes) == {"400 invalid_grant bad_passkey": RACERS - 1}


@queued_or_refused
@pytest.mark.security("WEBAUTHN-13.4.3")
def test_one_answer_proves_a_second_factor_once(services: Services) -> None:
    phone = Authenticator(ORIGIN, counter=None)
    created(services, phone)()
    answer = phone.get(passkeys.begin_second_factor(services, 7))

    def prove() -> None:
        proven = passkeys.verify_second_factor(services, 7, answer)
        try:
            services.store.commit(*proven.writes)
        except Conflict:
            raise passkeys.not_issued() from None

    outcomes: list[Any] = race([prove] * RACERS)
    assert len(won(outcomes)) == 1
    assert refusals(outcomes) == {"400 invalid_grant bad_passkey": RACERS - 1}


@queued_or_refused
@pytest.mark.security("WEBAUTHN-7.2-counter")
def test_a_counter_is_used_once(services: Services) -> None:
    """Copies of one authenticator, each with a challenge of its own: one login for each value of the counter."""
    phone = Authenticator(ORIGIN)
    created(services, phone)()
    copies = [replace(phone, credentials=list(phone.credentials)) for _ in range(RACERS)]
    answers = [copy.get(passkeys.begin_login(services)) for copy in copies]
    outcomes = race([partial(log_in, services, answer) for answer in answers])
    assert len(won(outcomes)) == 1
    assert refusals(outcomes) == {"400 invalid_grant bad_passkey": RACERS - 1}


@queued_or_refused
def test_one_registration_is_done_once(services: Services) -> None:
    """A repeat that finds it done is a success, and changes nothing."""
    outcomes: list[Any] = race([created(services, Authenticator(ORIGIN))] * RACERS)
    assert won(outcomes)
    assert set(refusals(outcomes)) <= {"400 invalid_grant bad_passkey"}
    known = services.store.list_passkeys(7)
    assert (len(known.listed), known.version) == (1, 1)


@queued_or_refused
def test_never_more_than_ten(services: Services) -> None:
    """Who meets another one may have to ask again; the limit holds."""
    for _ in range(passkeys.MOST - 2):
        created(services, Authenticator(ORIGIN))()
    calls = [created(services, Authenticator(ORIGIN)) for _ in range(RACERS)]
    outcomes: list[Any] = race(calls)
    listed = services.store.list_passkeys(7)
    assert len(listed.listed) == passkeys.MOST
    assert len(won(outcomes)) == 2
    assert set(refusals(outcomes)) <= {"409 conflict too_many_passkeys", "409 conflict changed_meanwhile"}


@queued_or_refused
def test_the_last_way_in_stays(services: Services) -> None:
    """An account that has nothing but passkeys: all are removed at once, and one remains."""
    services.store.commit(PutUser(a_user(8, username=None, mobile=None, openids=(), second_factors=frozenset())))
    session = SessionKey(8, b"browser1")
    for _ in range(4):
        user = services.store.get_user(8)
        assert user is not None
        answer = Authenticator(ORIGIN).create(passkeys.begin_registration(services, user))
        passkeys.register(services, 8, answer, "a passkey", session)
    marks = [passkey.mark for passkey in services.store.list_passkeys(8).listed]
    race([partial(passkeys.remove, services, 8, mark, session) for mark in marks * 8])
    left, user = services.store.list_passkeys(8).listed, services.store.get_user(8)
    assert len(left) >= 1
    assert user is not None
    assert user.second_factors == {"passkey"}
