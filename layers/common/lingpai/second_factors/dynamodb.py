"""Second factors on DynamoDB: items in the table of factors, under their account."""

from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, UnicodeSetAttribute

from lingpai.accounts.dynamodb import DynamoAccounts, FactorItem, factor_key
from lingpai.aws.dynamodb.actions import Action, Actions, update
from lingpai.aws.dynamodb.attributes import Integer, Item
from lingpai.aws.dynamodb.expressions import unchanged
from lingpai.aws.dynamodb.reading import read_bytes, read_number
from lingpai.second_factors.model import AccountFactors, RecoveryCodes, Totp
from lingpai.second_factors.storage import (
    RECOVERY,
    TOTP,
    BeginTotp,
    ConfirmTotp,
    SaveRecoveryCodes,
    UseRecoveryCode,
    UseTotpStep,
)

if TYPE_CHECKING:
    from lingpai.settings import Settings


class TotpItem(FactorItem):
    """An authenticator app."""

    secret = BinaryAttribute(legacy_encoding=False, null=True)
    confirmed_at = Integer(null=True)
    last_step = Integer(null=True)
    pending = BinaryAttribute(legacy_encoding=False, null=True)
    pending_until = Integer(null=True)


class RecoveryItem(FactorItem):
    """Recovery codes. `marks` is absent once all are used."""

    marks = UnicodeSetAttribute(null=True)
    created_at = Integer()


def _deserialize_totp(item: Item) -> Totp:
    return Totp(
        secret=read_bytes(item, "secret"),
        confirmed_at=read_number(item, "confirmed_at"),
        last_step=read_number(item, "last_step"),
        pending=read_bytes(item, "pending"),
        pending_until=read_number(item, "pending_until"),
    )


def _deserialize_recovery(item: Item) -> RecoveryCodes:
    return RecoveryCodes(frozenset(item["marks"]["SS"] if "marks" in item else ()), read_number(item, "created_at"))


class DynamoSecondFactors(DynamoAccounts):
    """`SecondFactors` on DynamoDB."""

    def get_factors(self, user_id: int) -> AccountFactors:
        """See `SecondFactors`. One call."""
        items = {item["id"]["S"]: item for item in self.factor_items(user_id)}
        return AccountFactors(
            totp=_deserialize_totp(items[TOTP]) if TOTP in items else None,
            recovery=_deserialize_recovery(items[RECOVERY]) if RECOVERY in items else None,
        )


def _begin_totp(settings: "Settings", write: BeginTotp) -> Action:
    changes = (TotpItem.pending.set(write.secret), TotpItem.pending_until.set(write.until))
    return update(settings.factors_table, factor_key(write.user_id, TOTP), None, *changes)


def _confirm_totp(settings: "Settings", write: ConfirmTotp) -> Action:
    return update(
        settings.factors_table,
        factor_key(write.user_id, TOTP),
        (TotpItem.pending == write.secret) & (TotpItem.pending_until > write.now),
        TotpItem.secret.set(write.secret),
        TotpItem.confirmed_at.set(write.now),
        TotpItem.last_step.set(write.step),
        TotpItem.pending.remove(),
        TotpItem.pending_until.remove(),
    )


def _use_totp_step(settings: "Settings", write: UseTotpStep) -> Action:
    condition = (TotpItem.secret == write.secret) & (TotpItem.last_step < write.step)
    return update(
        settings.factors_table, factor_key(write.user_id, TOTP), condition, TotpItem.last_step.set(write.step)
    )


def _save_recovery_codes(settings: "Settings", write: SaveRecoveryCodes) -> Action:
    if write.before is None:
        condition = RecoveryItem.user_id.does_not_exist()
    else:
        condition = RecoveryItem.user_id.exists() & unchanged(RecoveryItem.marks, _recovery(write.before))
    after = _recovery(write.after)
    changes = (RecoveryItem.marks.set(after.marks), RecoveryItem.created_at.set(after.created_at))
    return update(settings.factors_table, factor_key(write.user_id, RECOVERY), condition, *changes)


def _recovery(codes: RecoveryCodes) -> RecoveryItem:
    return RecoveryItem(marks=set(codes.marks), created_at=codes.created_at)


def _use_recovery_code(settings: "Settings", write: UseRecoveryCode) -> Action:
    marks = RecoveryItem.marks
    key = factor_key(write.user_id, RECOVERY)
    return update(settings.factors_table, key, marks.contains(write.mark), marks.delete({write.mark}))


ACTIONS: Actions = {
    BeginTotp: _begin_totp,
    ConfirmTotp: _confirm_totp,
    UseTotpStep: _use_totp_step,
    SaveRecoveryCodes: _save_recovery_codes,
    UseRecoveryCode: _use_recovery_code,
}
