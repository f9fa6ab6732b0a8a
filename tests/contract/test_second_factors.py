"""Second factors: kept under their account, each write alone, on every store."""

from collections.abc import Callable

import pytest

from lingpai.accounts.storage import CheckUser, DeleteFactor, PutUser
from lingpai.kernel.writes import Conflict, Write
from lingpai.second_factors.model import AccountFactors, RecoveryCodes, Totp
from lingpai.second_factors.storage import BeginTotp, ConfirmTotp, SaveRecoveryCodes, UseRecoveryCode, UseTotpStep
from tests.support.samples import NOW, WholeStore, a_user

FIRST, SECOND = b"wrapped one", b"wrapped two"
UNTIL = NOW + 600
STEP = NOW // 30
CODES = RecoveryCodes(frozenset({"a", "b", "c"}), NOW)
OTHERS = RecoveryCodes(frozenset({"d", "e"}), NOW)

Refused = Callable[..., None]


@pytest.fixture
def refused(store: WholeStore) -> Refused:
    """Each of these writes is a Conflict, alone or in a transaction, and changes nothing of the account's factors."""

    def check(*writes: Write) -> None:
        before = store.get_factors(1)
        for write in writes:
            for together in ((write,), (CheckUser(1), write)):
                with pytest.raises(Conflict) as failed:
                    store.commit(*together)
                assert failed.value.write == write
        assert store.get_factors(1) == before

    store.commit(PutUser(a_user()), PutUser(a_user(2)))
    return check


def test_an_account_has_none_at_first(store: WholeStore) -> None:
    assert store.get_factors(1) == AccountFactors(None, None)
    assert store.list_factor_ids(1) == ()


def test_an_app_is_confirmed(store: WholeStore, refused: Refused) -> None:
    """By the secret that was begun last, while it waits; until then no code of it is accepted."""
    refused(ConfirmTotp(1, FIRST, STEP, NOW), UseTotpStep(1, FIRST, STEP))
    store.commit(BeginTotp(1, SECOND, UNTIL))
    store.commit(BeginTotp(1, FIRST, UNTIL))
    assert store.get_factors(1).totp == Totp(pending=FIRST, pending_until=UNTIL)
    refused(
        ConfirmTotp(1, SECOND, STEP, NOW),
        ConfirmTotp(1, FIRST, STEP, UNTIL),
        ConfirmTotp(2, FIRST, STEP, NOW),
        UseTotpStep(1, FIRST, STEP),
    )
    store.commit(ConfirmTotp(1, FIRST, STEP, UNTIL - 1))
    assert store.get_factors(1) == AccountFactors(Totp(FIRST, UNTIL - 1, STEP))
    assert store.get_factors(2) == AccountFactors()
    refused(ConfirmTotp(1, FIRST, STEP, NOW))


def test_a_step_is_used_once(store: WholeStore, refused: Refused) -> None:
    """That of the code which confirmed the app, too; an earlier one is used with it."""
    store.commit(BeginTotp(1, FIRST, UNTIL))
    store.commit(ConfirmTotp(1, FIRST, STEP, NOW))
    refused(UseTotpStep(1, FIRST, STEP), UseTotpStep(1, FIRST, STEP - 1), UseTotpStep(1, SECOND, STEP + 1))
    store.commit(UseTotpStep(1, FIRST, STEP + 1))
    refused(UseTotpStep(1, FIRST, STEP + 1), UseTotpStep(1, FIRST, STEP), UseTotpStep(2, FIRST, STEP + 2))
    assert store.get_factors(1).totp == Totp(FIRST, NOW, STEP + 1)


def test_another_app_replaces_the_one_in_use(store: WholeStore, refused: Refused) -> None:
    """Once it is confirmed; until then the one in use stays. Its step may be earlier: the secret is another."""
    store.commit(BeginTotp(1, FIRST, UNTIL))
    store.commit(ConfirmTotp(1, FIRST, STEP, NOW))
    store.commit(BeginTotp(1, SECOND, UNTIL))
    assert store.get_factors(1).totp == Totp(FIRST, NOW, STEP, SECOND, UNTIL)
    store.commit(UseTotpStep(1, FIRST, STEP + 1))
    store.commit(ConfirmTotp(1, SECOND, STEP, NOW + 1))
    assert store.get_factors(1).totp == Totp(SECOND, NOW + 1, STEP)
    refused(UseTotpStep(1, FIRST, STEP + 2), ConfirmTotp(1, FIRST, STEP + 2, NOW))


def test_recovery_codes_are_used_once(store: WholeStore, refused: Refused) -> None:
    refused(UseRecoveryCode(1, "a"))
    store.commit(SaveRecoveryCodes(1, None, CODES))
    assert store.get_factors(1) == AccountFactors(recovery=CODES)
    refused(UseRecoveryCode(1, "d"), UseRecoveryCode(2, "a"))
    for mark, left in (("b", {"a", "c"}), ("a", {"c"}), ("c", set[str]())):
        store.commit(UseRecoveryCode(1, mark))
        assert store.get_factors(1).recovery == RecoveryCodes(frozenset(left), NOW)
        refused(UseRecoveryCode(1, mark))


def test_recovery_codes_are_replaced_all_together(store: WholeStore, refused: Refused) -> None:
    """By whoever knows which are left: of two who replace them at once, one fails and shows none."""
    store.commit(SaveRecoveryCodes(1, None, CODES))
    refused(SaveRecoveryCodes(1, None, OTHERS), SaveRecoveryCodes(1, OTHERS, OTHERS))
    refused(SaveRecoveryCodes(2, CODES, OTHERS))
    store.commit(UseRecoveryCode(1, "a"))
    refused(SaveRecoveryCodes(1, CODES, OTHERS))
    left = RecoveryCodes(CODES.marks - {"a"}, NOW)
    store.commit(SaveRecoveryCodes(1, left, OTHERS))
    refused(UseRecoveryCode(1, "b"))
    for mark in ("d", "e"):
        store.commit(UseRecoveryCode(1, mark))
    none = RecoveryCodes(frozenset(), NOW)
    refused(SaveRecoveryCodes(1, left, CODES))
    store.commit(SaveRecoveryCodes(1, none, CODES))
    assert store.get_factors(1).recovery == CODES


def test_each_is_an_item_that_can_be_deleted(store: WholeStore, refused: Refused) -> None:
    """An app that waits to be confirmed, too; those of another account stay."""
    for user_id in (1, 2):
        store.commit(BeginTotp(user_id, FIRST, UNTIL), SaveRecoveryCodes(user_id, None, CODES))
        assert store.list_factor_ids(user_id) == ("recovery", "totp")
    kept = store.get_factors(2)
    store.commit(DeleteFactor(1, "totp"))
    assert store.get_factors(1) == AccountFactors(recovery=CODES)
    refused(DeleteFactor(1, "totp"), DeleteFactor(1, "passkey:none"))
    store.commit(DeleteFactor(1, "recovery"))
    assert store.list_factor_ids(1) == ()
    assert store.get_factors(2) == kept
