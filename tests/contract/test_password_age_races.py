"""A new password in place of one that is too old, with many callers at once on the reference store."""

from functools import partial

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.authentication import password
from lingpai.bootstrap import build
from lingpai.browser_sessions import service as browser_sessions
from lingpai.kernel.errors import LingpaiError
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.contention import queued_or_refused, racing_store
from tests.support.races import RACERS, race, refusals, won
from tests.support.time import START, Time

pytestmark = pytest.mark.security("AGE-1", "AGE-3")

OLD, WRONG = "correct horse battery", "400 invalid_grant bad_credentials"
EXPIRED, TOO_MANY = "400 invalid_grant password_expired", "429 too_many_requests slow_down"
ADDRESS = "192.0.2.1"


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    """The use cases on DynamoDB Local, and one account, whose password is too old."""
    settings = stores.settings(password_max_age_days=1, **stores.GUARDED)
    time = Time()
    services = build(settings, racing_store(request, reference), time.clock())
    accounts.add(services, accounts.with_password(services, User(id=1, created_at=START, username="alice"), OLD))
    time.advance(86400)
    return services


def renew(services: Services, new: str) -> str:
    """Log in by the old password, with a new one; gives the new one."""
    browser_sessions.open_session(services, password.renew(services, "alice", OLD, new, ADDRESS), "")
    return new


def log_in(services: Services, given: str) -> str:
    """Log in by a password that is not too old; gives it."""
    browser_sessions.open_session(services, password.authenticate(services, "alice", given, ADDRESS), "")
    return given


@queued_or_refused
def test_one_new_password_is_set(services: Services) -> None:
    """Its session alone is open then. The other forms have a wrong password, and count as guesses."""
    outcomes = race([partial(renew, services, f"a quite different phrase {number}") for number in range(RACERS)])
    (new,) = won(outcomes)
    assert set(refusals(outcomes)) <= {WRONG, TOO_MANY}
    assert len(services.store.sessions_of(1)) == 1
    user = services.store.get_user(1)
    assert user is not None
    assert user.password_set_at == services.clock.now()
    assert passwords.verify(new, user.password, services.settings)


@queued_or_refused
def test_an_account_is_disabled_at_the_same_time(services: Services) -> None:
    """Whichever comes first, nobody is logged in to it by what comes after."""

    def disable() -> str:
        accounts.disable(services, 1)
        return "disabled"

    outcomes = race((partial(renew, services, "a quite different phrase"), disable))
    assert set(refusals(outcomes)) <= {WRONG}
    assert services.store.sessions_of(1) == ()


@queued_or_refused
def test_of_guesses_at_once_no_more_are_answered_than_in_turn(services: Services) -> None:
    """The right one among them is told to be too old only within the limit."""
    tries = services.settings.login_tries
    guesses = [*(f"guess number {number}" for number in range(RACERS - 1)), OLD]
    outcomes = race([partial(log_in, services, guess) for guess in guesses])
    refused = refusals(outcomes)
    assert set(refused) <= {WRONG, EXPIRED, TOO_MANY}
    assert (refused[WRONG] <= tries, won(outcomes)) == (True, [])
    with pytest.raises(LingpaiError) as failed:
        log_in(services, OLD)
    assert failed.value.status == 429
