"""Second factors: set up, proven once, counted, replaced, removed, and gone with their account."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.bootstrap import build
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict
from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from lingpai.second_factors.model import AccountFactors, ProvenFactor
from lingpai.services import Services
from lingpai.sessions.storage import PutSession
from tests.support.authenticator import Authenticator, set_up
from tests.support.memory_store import MemoryStore
from tests.support.samples import a_session
from tests.support.stores import settings
from tests.support.time import START, Time

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = (400, "invalid_grant", "bad_second_factor")
BOTH = ("otp", "mfa")
TOO_MANY = (429, "too_many_requests", "slow_down")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def services(time: Time) -> Services:
    services = build(settings(), MemoryStore(), time.clock())
    for user_id in (1, 2):
        add(services, user_id)
    return services


def add(services: Services, user_id: int) -> None:
    """An account without a second factor."""
    assert accounts.add(services, User(id=user_id, created_at=START, username=f"user {user_id}")) == user_id


def refusal(services: Services, code: str, user_id: int = 1, *, recovery: bool = False) -> tuple[int, str, str]:
    """Why this code is refused."""
    verify = second_factors.verify_recovery_code if recovery else second_factors.verify_totp
    with pytest.raises(LingpaiError) as refused:
        verify(services, user_id, code)
    return refused.value.status, refused.value.code, refused.value.reason


def kinds(services: Services, user_id: int = 1) -> set[str]:
    user = services.store.get_user(user_id)
    assert user is not None
    return set(user.second_factors)


@pytest.mark.security("TOTP-RFC6238-5.2", "ASVS-6.5.1")
def test_a_code_of_the_app_is_proven_once(services: Services, time: Time) -> None:
    """The step that confirmed the app is used up, too; so is each earlier one."""
    app, _ = set_up(services, 1)
    assert kinds(services) == {"totp"}
    assert refusal(services, app.code(time.at, -1)) == WRONG
    code = app.code(time.at)
    proven = second_factors.verify_totp(services, 1, f" {code[:3]} {code[3:]} ")
    assert proven.methods == BOTH
    services.store.commit(*proven.writes)
    assert refusal(services, code) == WRONG
    with pytest.raises(Conflict):
        services.store.commit(*proven.writes)
    services.store.commit(*second_factors.verify_totp(services, 1, app.code(time.at, 1)).writes)
    assert refusal(services, code) == WRONG
    time.advance(60)
    assert second_factors.verify_totp(services, 1, app.code(time.at)).methods == BOTH


def test_whoever_has_none_is_refused_alike(services: Services, time: Time) -> None:
    """No account, no factor, a factor that waits to be confirmed, and a wrong code: one error."""
    app, codes = set_up(services, 1)
    waiting = Authenticator(totp.key_text(second_factors.begin_totp(services, 2)))
    assert refusal(services, app.wrong_code(time.at)) == WRONG
    assert refusal(services, app.code(time.at), 2) == WRONG
    assert refusal(services, waiting.code(time.at), 2) == WRONG
    assert refusal(services, app.code(time.at), 3) == WRONG
    assert refusal(services, codes[0], 2, recovery=True) == WRONG
    assert refusal(services, codes[0], 3, recovery=True) == WRONG
    assert refusal(services, "0000-0000-0000", recovery=True) == WRONG


@pytest.mark.security("TOTP-RFC4226-7.3", "ASVS-6.6.3")
def test_guesses_are_counted_for_both_kinds_together(services: Services, time: Time) -> None:
    """Right codes are not counted, nor what can be no code; after five wrong ones even a right one is refused."""
    app, codes = set_up(services, 1)
    for code in codes[:7]:
        services.store.commit(*second_factors.verify_recovery_code(services, 1, code).writes)
        assert refusal(services, "no code") == WRONG
        assert refusal(services, "no code", recovery=True) == WRONG
    for _ in range(3):
        assert refusal(services, app.wrong_code(time.at)) == WRONG
    for _ in range(2):
        assert refusal(services, codes[0], recovery=True) == WRONG
    assert refusal(services, app.code(time.at)) == TOO_MANY
    assert refusal(services, codes[8], recovery=True) == TOO_MANY
    with pytest.raises(LingpaiError) as refused:
        second_factors.verify_totp(services, 1, app.code(time.at))
    assert refused.value.retry_after == 3600
    assert refusal(services, app.code(time.at), 2) == WRONG
    time.advance(3600)
    assert second_factors.verify_totp(services, 1, app.code(time.at)).methods == BOTH


@pytest.mark.security("ASVS-6.5.1")
def test_recovery_codes_are_used_once(services: Services) -> None:
    _, codes = set_up(services, 1)
    assert len(set(codes)) == 10
    for left, code in enumerate(reversed(codes)):
        typed = code.lower().replace("-", " ") if left % 2 else code
        proven = second_factors.verify_recovery_code(services, 1, typed)
        assert proven.methods == BOTH
        services.store.commit(*proven.writes)
        recovery = services.store.get_factors(1).recovery
        assert recovery is not None
        assert len(recovery.marks) == 9 - left


@pytest.mark.security("ASVS-6.5.2")
def test_nothing_that_is_kept_is_a_code(services: Services) -> None:
    """The table has keyed hashes, which differ from account to account."""
    _, codes = set_up(services, 1)
    kept = services.store.get_factors(1).recovery
    assert kept is not None
    assert not any(code.replace("-", "") in mark for code in codes for mark in kept.marks)
    other = build(settings(code_pepper="another-pepper-for-tests"), services.store, services.clock)
    with pytest.raises(LingpaiError):
        second_factors.verify_recovery_code(other, 1, codes[0])
    assert "JBSW" not in repr(services.store.get_factors(1))


def test_recovery_codes_are_replaced(services: Services) -> None:
    """All of them, and those of before are good no more."""
    session = a_session()
    _, codes = set_up(services, 1)
    fresh = second_factors.replace_recovery_codes(services, 1, session.key)
    assert len({*codes, *fresh}) == 20
    assert refusal(services, codes[0], recovery=True) == WRONG
    assert second_factors.verify_recovery_code(services, 1, fresh[0]).methods == BOTH
    with pytest.raises(LingpaiError) as refused:
        second_factors.replace_recovery_codes(services, 2, session.key)
    assert refused.value.reason == "factor_not_found"


def test_an_app_is_replaced_by_another(services: Services, time: Time) -> None:
    """The one in use stays until the other is confirmed; recovery codes stay, as long as some are left."""
    first, codes = set_up(services, 1)
    begun = Authenticator(totp.key_text(second_factors.begin_totp(services, 1)))
    assert second_factors.verify_totp(services, 1, first.code(time.at)).methods == BOTH
    assert refusal(services, begun.code(time.at)) == WRONG
    assert second_factors.confirm_totp(services, 1, begun.code(time.at), a_session().key) == ()
    assert refusal(services, first.code(time.at)) == WRONG
    assert second_factors.verify_totp(services, 1, begun.code(time.at, 1)).methods == BOTH
    for code in codes:
        services.store.commit(*second_factors.verify_recovery_code(services, 1, code).writes)
    _, fresh = set_up(services, 1)
    assert len(fresh) == 10


def test_what_waits_is_confirmed_in_time(services: Services, time: Time) -> None:
    """By a code of it; one that was begun before it is gone."""
    earlier = Authenticator(totp.key_text(second_factors.begin_totp(services, 1)))
    secret = second_factors.begin_totp(services, 1)
    app, key = Authenticator(totp.key_text(secret)), a_session().key
    assert second_factors.waiting_totp(services, 1) == secret
    assert second_factors.waiting_totp(services, 2) is None
    for code in (earlier.code(time.at), app.wrong_code(time.at), "no code"):
        with pytest.raises(LingpaiError) as refused:
            second_factors.confirm_totp(services, 1, code, key)
        assert refused.value.reason == "bad_second_factor"
    time.advance(second_factors.SET_UP_TTL)
    assert second_factors.waiting_totp(services, 1) is None
    with pytest.raises(LingpaiError) as refused:
        second_factors.confirm_totp(services, 1, app.code(time.at), key)
    assert (refused.value.status, refused.value.reason) == (409, "set_up_expired")
    assert kinds(services) == set()


def test_guesses_at_what_waits_are_counted(services: Services, time: Time) -> None:
    app = Authenticator(totp.key_text(second_factors.begin_totp(services, 1)))
    for count in range(6):
        with pytest.raises(LingpaiError) as refused:
            second_factors.confirm_totp(services, 1, app.wrong_code(time.at), a_session().key)
        assert refused.value.status == (400 if count < 5 else 429)


def test_the_last_factor_takes_the_recovery_codes_along(services: Services) -> None:
    _, codes = set_up(services, 1)
    second_factors.remove_totp(services, 1, a_session().key)
    assert kinds(services) == set()
    assert services.store.list_factor_ids(1) == ()
    assert refusal(services, codes[0], recovery=True) == WRONG
    with pytest.raises(LingpaiError) as refused:
        second_factors.remove_totp(services, 1, a_session().key)
    assert refused.value.reason == "factor_not_found"


def test_another_factor_keeps_the_recovery_codes(services: Services) -> None:
    _, codes = set_up(services, 1)
    accounts.change(services, 1, lambda user: replace(user, second_factors=user.second_factors | {"passkey"}))
    second_factors.remove_totp(services, 1, a_session().key)
    assert kinds(services) == {"passkey"}
    assert second_factors.verify_recovery_code(services, 1, codes[0]).methods == BOTH


@pytest.mark.security("ASVS-7.4.3")
def test_each_change_ends_the_other_sessions(services: Services) -> None:
    """Not that which asks for it, and not those of other accounts."""
    key = a_session(1, 0).key

    def others() -> None:
        for session in (a_session(1, 0), a_session(1, 1), a_session(1, 2), a_session(2, 0)):
            services.store.commit(PutSession(session, session.ends_at))

    def change(name: str) -> None:
        match name:
            case "set up":
                set_up(services, 1, key)
            case "new codes":
                second_factors.replace_recovery_codes(services, 1, key)
            case _:
                second_factors.remove_totp(services, 1, key)

    for name in ("set up", "new codes", "remove"):
        others()
        change(name)
        assert services.store.sessions_of(1) == (key,), name
        assert services.store.sessions_of(2) == (a_session(2, 0).key,)


@pytest.mark.security("ASVS-6.5.6", "ASVS-6.4.4")
def test_the_operator_removes_all(services: Services) -> None:
    """With all sessions; once more, it does nothing."""
    set_up(services, 1)
    second_factors.begin_totp(services, 1)
    session = a_session(1, 5)
    services.store.commit(PutSession(session, session.ends_at))
    for _ in range(2):
        second_factors.remove_all(services, 1)
        assert kinds(services) == set()
        assert services.store.get_factors(1) == AccountFactors()
        assert services.store.sessions_of(1) == ()


def test_no_factor_where_mfa_is_off(services: Services) -> None:
    off = build(settings(mfa="off"), services.store, services.clock)
    with pytest.raises(LingpaiError) as refused:
        second_factors.begin_totp(off, 1)
    assert (refused.value.status, refused.value.reason) == (403, "second_factors_off")


@pytest.mark.parametrize("user_id", [3, 1])
def test_no_factor_without_an_account(services: Services, user_id: int) -> None:
    """It is gone, or disabled: nothing is kept for it."""
    if user_id == 1:
        accounts.disable(services, 1)
    with pytest.raises(LingpaiError) as refused:
        second_factors.begin_totp(services, user_id)
    assert refused.value.status == 404
    assert services.store.list_factor_ids(user_id) == ()


def test_an_account_takes_its_factors_along(services: Services) -> None:
    """Deleted by its owner or by an admin: those of others stay."""
    ways: list[Callable[[], None]] = [
        lambda: accounts.delete(services, 1),
        lambda: accounts.delete_own(services, 1, a_session().key),
    ]
    set_up(services, 2)
    for delete in ways:
        set_up(services, 1)
        delete()
        assert services.store.get_user(1) is None
        assert services.store.list_factor_ids(1) == ()
        assert services.store.list_factor_ids(2) == ("recovery", "totp")
        add(services, 1)


def test_a_factor_that_is_set_up_meanwhile_goes_with_its_account(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was begun after the factors were listed, and before the account is deleted."""
    listed = services.store.list_factor_ids
    begun: list[bytes] = []

    def list_factor_ids(user_id: int) -> tuple[str, ...]:
        found = listed(user_id)
        if not begun:
            begun.append(second_factors.begin_totp(services, user_id))
        return found

    monkeypatch.setattr(services.store, "list_factor_ids", list_factor_ids)
    accounts.delete_own(services, 1, a_session().key)
    assert begun
    assert services.store.get_user(1) is None
    assert listed(1) == ()


def test_proofs_show_nothing(services: Services, time: Time) -> None:
    """Neither the wrapped secret nor the mark of a code is in what a log line could print."""
    app, codes = set_up(services, 1)
    proofs: list[ProvenFactor] = [
        second_factors.verify_totp(services, 1, app.code(time.at)),
        second_factors.verify_recovery_code(services, 1, codes[0]),
    ]
    shown: Any = [proofs, *(proof.writes for proof in proofs), services.store.get_factors(1)]
    kept = services.store.get_factors(1)
    assert kept.totp is not None
    assert kept.recovery is not None
    assert not any(str(value) in repr(shown) for value in (kept.totp.secret, *kept.recovery.marks))
