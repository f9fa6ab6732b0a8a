"""SMS codes on DynamoDB: the code of each number, and the guesses at it."""

from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Change

from lingpai.aws.dynamodb.actions import Action, Actions, update
from lingpai.aws.dynamodb.attributes import Integer, Integers, Item, Record
from lingpai.aws.dynamodb.reading import read_bytes, read_flag, read_list, read_number, read_text
from lingpai.aws.dynamodb.tables import DynamoTables, Refused
from lingpai.aws.dynamodb.write_ids import WriteId
from lingpai.kernel.errors import unavailable
from lingpai.sms_codes.model import Code, Guess
from lingpai.sms_codes.storage import ConsumeCode

if TYPE_CHECKING:
    from lingpai.settings import Settings

_CODES_KEPT = 2 * 86400
_GUESS_ATTEMPTS = 10


class CodeItem(Record):
    """The code of a number, and the guesses at it."""

    number = UnicodeAttribute(hash_key=True)
    digest = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = Integer(null=True)
    sent = Integers(null=True)
    tries = Integer(null=True)
    tries_until = Integer(null=True)
    proven = BooleanAttribute(null=True)
    client_id = UnicodeAttribute(null=True)
    purpose = UnicodeAttribute(null=True)
    name_tries = Integer(null=True)
    name_tries_until = Integer(null=True)
    guesses = Integer(null=True)
    proof_day = Integer(null=True)
    unsent = UnicodeAttribute(null=True)
    used_by = UnicodeAttribute(null=True)
    ttl = Integer()


def code_key(number: str) -> Item:
    """The key of a number's code."""
    return {"number": {"S": number}}


def _deserialize_code(item: Item) -> Code:
    return Code(
        number=item["number"]["S"],
        digest=read_bytes(item, "digest"),
        expires_at=read_number(item, "expires_at"),
        sent=tuple(int(at["N"]) for at in read_list(item, "sent")),
        tries=read_number(item, "tries"),
        tries_until=read_number(item, "tries_until"),
        proven=read_flag(item, "proven"),
        client_id=read_text(item, "client_id"),
        purpose=read_text(item, "purpose"),  # type: ignore[arg-type]  # only purposes are written
        name_tries=read_number(item, "name_tries"),
        name_tries_until=read_number(item, "name_tries_until"),
        guesses=read_number(item, "guesses"),
        proof_day=read_number(item, "proof_day"),
        unsent=read_text(item, "unsent") or "",
    )


class DynamoCodes(DynamoTables):
    """`Codes` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def get_code(self, number: str) -> Code | None:
        """See `Codes`."""
        item = self.get(self.settings.codes_table, code_key(number))
        return _deserialize_code(item) if item else None

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """See `Codes`."""
        changes = [
            CodeItem.digest.set(after.digest) if after.digest else CodeItem.digest.remove(),
            CodeItem.expires_at.set(after.expires_at),
            CodeItem.sent.set(list(after.sent)) if after.sent else CodeItem.sent.remove(),
            CodeItem.proven.set(True) if after.proven else CodeItem.proven.remove(),
            CodeItem.client_id.set(after.client_id) if after.client_id else CodeItem.client_id.remove(),
            CodeItem.purpose.set(after.purpose) if after.purpose else CodeItem.purpose.remove(),
            CodeItem.guesses.set(after.guesses) if after.guesses else CodeItem.guesses.remove(),
            CodeItem.ttl.set(ttl),
        ]
        if after.unsent:
            changes.append(CodeItem.unsent.set(after.unsent))
        if before is None or after.tries_until != before.tries_until:
            changes += [CodeItem.tries.set(after.tries), CodeItem.tries_until.set(after.tries_until)]
        condition = _still(before)
        if sending:
            condition &= CodeItem.unsent.does_not_exist() | (CodeItem.unsent != sending)
        return self._update_code(after.number, condition, *changes)

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """See `Codes`."""
        self._update_code(
            used.number,
            (CodeItem.used_by == used.decision) & CodeItem.digest.does_not_exist(),
            CodeItem.digest.set(used.digest),
            CodeItem.expires_at.set(expires_at),
            CodeItem.used_by.remove(),
        )

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """See `Codes`."""
        condition = (CodeItem.digest == digest) & CodeItem.proven.does_not_exist()
        return self._update_code(number, condition, CodeItem.proven.set(True), CodeItem.proof_day.set(proof_day))

    def _update_code(self, number: str, condition: Condition, *changes: Change) -> bool:
        """Update the number's item; False where the condition does not hold."""
        try:
            self.update_once(self.settings.codes_table, code_key(number), WriteId.new(), condition, *changes)
        except Refused:
            return False
        return True

    def count_try(self, number: str, guess: Guess) -> Code:
        """See `Codes`; a second call where the guess opens a window, or where no guess is left in it.

        Further calls where other guesses change that meanwhile.
        """
        tries, until = CodeItem.tries, CodeItem.tries_until
        if guess.by_name:
            tries, until = CodeItem.name_tries, CodeItem.name_tries_until
        in_code, in_window = CodeItem.guesses.add(1), tries.set(tries + 1)
        ttl = guess.now + max(_CODES_KEPT, guess.window)
        opened = (tries.set(1), until.set(guess.now + guess.window), CodeItem.ttl.set(ttl), in_code)
        steps: dict[str, tuple[Condition, tuple[Change, ...]]] = {
            "left": ((until > guess.now) & (tries < guess.tries), (in_window, in_code)),
            "closed": (until.does_not_exist() | (until <= guess.now), opened),
            "used_up": ((until > guess.now) & (tries >= guess.tries), (in_window,)),
        }
        write, step = WriteId.new(), "left"
        for _ in range(_GUESS_ATTEMPTS):
            condition, changes = steps[step]
            try:
                item = self.update_once(self.settings.codes_table, code_key(number), write, condition, *changes)
            except Refused as refused:
                known = _deserialize_code(refused.item) if refused.item else Code(number)
                count, end = known.tries_at(guess)
                step = "closed" if end <= guess.now else "left" if count < guess.tries else "used_up"
                continue
            return _deserialize_code(item)
        raise unavailable()


def _still(code: Code | None) -> Condition:
    """The stored record of the number equals `code`, tries apart; None for no record."""
    if code is None:
        condition: Condition = CodeItem.number.does_not_exist()
        return condition
    until = CodeItem.tries_until
    condition = CodeItem.sent == list(code.sent) if code.sent else CodeItem.sent.does_not_exist()
    condition &= CodeItem.digest == code.digest if code.digest else CodeItem.digest.does_not_exist()
    condition &= until == code.tries_until if code.tries_until else until.does_not_exist() | (until == 0)
    return condition


def _consume_code(settings: "Settings", write: ConsumeCode) -> Action:
    tries = CodeItem.name_tries if write.by_name else CodeItem.tries
    return update(
        settings.codes_table,
        code_key(write.number),
        (CodeItem.digest == write.digest) & (CodeItem.expires_at > write.now),
        CodeItem.digest.remove(),
        CodeItem.expires_at.remove(),
        CodeItem.proven.remove(),
        CodeItem.proof_day.set(write.proof_day),
        CodeItem.used_by.set(write.decision),
        tries.set(tries - 1),
    )


ACTIONS: Actions = {ConsumeCode: _consume_code}
