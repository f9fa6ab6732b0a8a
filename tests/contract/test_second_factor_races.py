"""Second factors with 32 callers at once, on the reference store."""

from functools import partial

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.bootstrap import build
from lingpai.kernel.errors import LingpaiError, invalid_grant
from lingpai.kernel.writes import Conflict
from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from lingpai.second_factors.model import ProvenFactor
from lingpai.services import Services
from lingpai.store import DynamoStore
from tests.support.authenticator import Authenticator, set_up
from tests.support.contention import queued_or_refused, racing_store
from tests.support.races import RACERS, race, refusals, won
from tests.support.samples import a_session
from tests.support.time import START, Time

KEY = a_session().key
WRONG, USED = "400 invalid_grant bad_second_factor", "400 invalid_grant used"
TOO_MANY = "429 too_many_requests slow_down"


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    """The use cases on DynamoDB Local, with a clock that stands still, and one account."""
    services = build(reference.settings, racing_store(request, reference), Time().clock())
    accounts.add(services, User(id=1, created_at=START, username="alice"))
    return services


def use(services: Services, proven: ProvenFactor) -> None:
    """What a login does with a proof."""
    try:
        services.store.commit(*proven.writes)
    except Conflict:
        raise invalid_grant("used") from None


def prove(services: Services, code: str, *, recovery: bool = False) -> None:
    """Prove the account's second factor, as a login does."""
    verify = second_factors.verify_recovery_code if recovery else second_factors.verify_totp
    use(services, verify(services, 1, code))


@pytest.mark.security("TOTP-RFC6238-5.2")
@queued_or_refused
def test_a_step_is_used_once(services: Services) -> None:
    """By the same code at once: of those that were let through to compare it, one has used it."""
    app, _ = set_up(services, 1)
    outcomes = race([partial(prove, services, app.code(START))] * RACERS)
    assert len(won(outcomes)) == 1
    assert set(refusals(outcomes)) <= {WRONG, USED, TOO_MANY}


@pytest.mark.security("TOTP-RFC6238-5.2")
def test_a_proof_is_used_once(services: Services) -> None:
    """All have verified the code before the first of them uses it up."""
    app, codes = set_up(services, 1)
    proofs = [
        [second_factors.verify_totp(services, 1, app.code(START)) for _ in range(RACERS)],
        [second_factors.verify_recovery_code(services, 1, codes[3]) for _ in range(RACERS)],
    ]
    for same in proofs:
        outcomes = race([partial(use, services, proven) for proven in same])
        assert len(won(outcomes)) == 1
        assert refusals(outcomes) == {USED: RACERS - 1}
    left = services.store.get_factors(1).recovery
    assert left is not None
    assert len(left.marks) == 9


@queued_or_refused
def test_a_recovery_code_is_used_once(services: Services) -> None:
    _, codes = set_up(services, 1)
    outcomes = race([partial(prove, services, codes[0], recovery=True)] * RACERS)
    assert len(won(outcomes)) == 1
    assert set(refusals(outcomes)) <= {WRONG, USED, TOO_MANY}
    left = services.store.get_factors(1).recovery
    assert left is not None
    assert len(left.marks) == 9


@pytest.mark.security("TOTP-RFC4226-7.3")
def test_guesses_are_counted_exactly(services: Services) -> None:
    """At both kinds of code together: as many are compared as of guesses in turn."""
    app, _ = set_up(services, 1)
    calls = [
        partial(prove, services, "0000-0000-0000", recovery=True)
        if number % 2
        else partial(prove, services, app.wrong_code(START))
        for number in range(RACERS)
    ]
    tries = services.settings.code_tries
    outcomes = race(calls)
    assert refusals(outcomes) == {WRONG: tries, TOO_MANY: RACERS - tries}
    with pytest.raises(LingpaiError) as refused:
        prove(services, app.code(START))
    assert refused.value.status == 429


@queued_or_refused
def test_an_app_is_confirmed_once(services: Services) -> None:
    """One of those that confirm it at once is shown recovery codes, and these are good."""
    app = Authenticator(totp.key_text(second_factors.begin_totp(services, 1)))
    outcomes = race([partial(second_factors.confirm_totp, services, 1, app.code(START), KEY)] * RACERS)
    (codes,) = won(outcomes)
    for code in codes:
        prove(services, code, recovery=True)
    user = services.store.get_user(1)
    assert user is not None
    assert user.second_factors == {"totp"}


@queued_or_refused
def test_of_all_new_recovery_codes_the_last_are_good(services: Services) -> None:
    set_up(services, 1)
    outcomes = race([partial(second_factors.replace_recovery_codes, services, 1, KEY)] * RACERS)
    shown = won(outcomes)
    assert shown
    assert set(refusals(outcomes)) <= {"409 conflict changed_meanwhile"}
    good = []
    for codes in shown:
        try:
            second_factors.verify_recovery_code(services, 1, codes[0])
        except LingpaiError as refused:
            assert refused.reason in ("bad_second_factor", "slow_down")  # noqa: PT017  which of them is not known
        else:
            good.append(codes)
    kept = services.store.get_factors(1).recovery
    assert kept is not None
    assert len(kept.marks) == 10
    assert len(good) <= 1


@queued_or_refused
def test_no_factor_outlives_its_account(services: Services) -> None:
    """Its owner deletes it while 31 others set factors up."""
    app = Authenticator(totp.key_text(second_factors.begin_totp(services, 1)))
    code = app.code(START)

    def set_up_or_begin(number: int) -> None:
        if number % 2:
            second_factors.begin_totp(services, 1)
        else:
            second_factors.confirm_totp(services, 1, code, KEY)

    outcomes = race(
        [
            partial(accounts.delete_own, services, 1, KEY),
            *(partial(set_up_or_begin, number) for number in range(RACERS - 1)),
        ]
    )
    if isinstance(outcomes[0], LingpaiError):
        accounts.delete_own(services, 1, KEY)
    assert services.store.get_user(1) is None
    assert services.store.list_factor_ids(1) == ()
