"""Pending logins: their writes, alone and with others, on every store; and completed once, 32 callers at once."""

from dataclasses import replace
from functools import partial

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import CheckUser, PutIdentity
from lingpai.authentication.model import Authenticated
from lingpai.bootstrap import build
from lingpai.browser_sessions import service as browser_sessions
from lingpai.kernel.writes import Conflict, Write
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import AppRequest, FirstFactor, PendingLogin
from lingpai.pending_logins.storage import PutPendingLogin, UsePendingLogin
from lingpai.second_factors import service as second_factors
from lingpai.services import Services
from lingpai.sessions.storage import EndSession, PutSession
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.authenticator import set_up
from tests.support.contention import queued_or_refused, racing_store
from tests.support.races import RACERS, race, refusals, won
from tests.support.samples import NOW, WholeStore, a_session, hashed
from tests.support.time import Time

LOGIN = PendingLogin(
    digest=hashed("secret"),
    expires_at=NOW + 600,
    first=FirstFactor(
        7, ("sms",), NOW - 5, "mobile:+8613312341234", hashed("$argon2id$one"), "$argon2id$two", "$argon2id$three"
    ),
    app=AppRequest(
        "mobile-app",
        (("resource", "https://a.example"), ("scope", "读 写")),
        hashed("pushed"),
        "a-key",
        "+8613312341234",
    ),
)
BARE = replace(LOGIN, digest=hashed("bare"), first=FirstFactor(7, (), NOW), app=AppRequest("mobile-app", ()))
OF_PAGES = replace(LOGIN, digest=hashed("pages"), app=None)
SENT = replace(LOGIN, digest=hashed("sent"), first=None)
BYSTANDER = PutIdentity("username:bystander", 99)


@pytest.mark.parametrize("others", [(), (BYSTANDER,)], ids=["alone", "with another"])
def test_what_is_put_is_found(store: WholeStore, others: tuple[Write, ...]) -> None:
    for login in (LOGIN, BARE, OF_PAGES, SENT):
        assert store.get_pending_login(login.digest) is None
        store.commit(PutPendingLogin(login), *others)
        assert store.get_pending_login(login.digest) == login
        others = ()


@pytest.mark.security("MFA-4")
@pytest.mark.parametrize("others", [(), (BYSTANDER,)], ids=["alone", "with another"])
def test_it_is_used_once_and_in_time(store: WholeStore, others: tuple[Write, ...]) -> None:
    def refused(write: Write) -> None:
        with pytest.raises(Conflict) as failed:
            store.commit(write, *others)
        assert failed.value.write == write
        assert store.find_user_id(BYSTANDER.key) is None

    refused(UsePendingLogin(LOGIN.digest, NOW))
    store.commit(PutPendingLogin(LOGIN))
    refused(UsePendingLogin(LOGIN.digest, LOGIN.expires_at))
    assert store.get_pending_login(LOGIN.digest) == LOGIN
    store.commit(UsePendingLogin(LOGIN.digest, LOGIN.expires_at - 1))
    assert store.get_pending_login(LOGIN.digest) is None
    refused(UsePendingLogin(LOGIN.digest, NOW))


@pytest.mark.parametrize("others", [(), (BYSTANDER,)], ids=["alone", "with another"])
def test_a_session_that_must_exist_is_ended_once(store: WholeStore, others: tuple[Write, ...]) -> None:
    session = a_session()
    end = EndSession(session.key, must_exist=True)
    store.commit(PutSession(session, NOW + 6000))
    store.commit(end, *others)
    assert store.get_session(session.key) is None
    with pytest.raises(Conflict) as failed:
        store.commit(end)
    assert failed.value.write == end


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    return build(stores.settings(), racing_store(request, reference), Time().clock())


@queued_or_refused
@pytest.mark.security("MFA-8")
def test_it_is_completed_once(services: Services) -> None:
    """32 callers at once have the cookie and a right code: one session, and no code is lost to the others."""
    user_id = accounts.add(services, User(1, NOW, mobile="+8613312341234"))
    app, codes = set_up(services, user_id)
    login = Authenticated(user_id, ("sms",), services.clock.now(), (CheckUser(user_id),), _fail)
    pending = pending_logins.find(services, pending_logins.begin(services, login))
    user = services.store.get_user(user_id)
    assert pending is not None
    assert user is not None

    def complete(number: int) -> str:
        if number % 2:
            proven = second_factors.verify_recovery_code(services, user_id, codes[number % len(codes)])
        else:
            proven = second_factors.verify_totp(services, user_id, app.code(services.clock.now()))
        both = pending_logins.completed(services, pending, user, proven.methods, proven.writes)
        return browser_sessions.open_session(services, both, "")

    outcomes = race([partial(complete, number) for number in range(RACERS)])
    assert len(won(outcomes)) == 1
    assert set(refusals(outcomes)) <= {
        "400 invalid_grant login_expired",
        "400 invalid_grant bad_second_factor",
        "429 too_many_requests slow_down",
    }
    assert len(services.store.sessions_of(user_id)) == 1
    recovery = services.store.get_factors(user_id).recovery
    assert recovery is not None
    assert len(recovery.marks) >= len(codes) - 1


def _fail(conflict: Conflict) -> Authenticated:
    raise conflict
