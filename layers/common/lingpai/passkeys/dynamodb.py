"""Passkeys on DynamoDB, in the table of factors, and their challenges in the table of codes."""

from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute

from lingpai.accounts.dynamodb import FactorItem, factor_key
from lingpai.aws.dynamodb.actions import Action, Actions, delete, put, update
from lingpai.aws.dynamodb.attributes import Integer, Item, Record, Texts
from lingpai.aws.dynamodb.reading import read_flag, read_number, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.kernel import base64url
from lingpai.passkeys.model import Challenge, Passkey, Passkeys
from lingpai.passkeys.storage import (
    LIST,
    ChangePasskeys,
    PutChallenge,
    PutPasskey,
    RenamePasskey,
    UseChallenge,
    UsePasskey,
    item_id,
)

if TYPE_CHECKING:
    from lingpai.settings import Settings

# What the ids of all items of passkeys begin with.
_BOTH = "passkey"


class PasskeyItem(FactorItem):
    """A passkey, under its account."""

    credential_id = BinaryAttribute(legacy_encoding=False)
    credential = BinaryAttribute(legacy_encoding=False)
    counter = Integer()
    backup_eligible = BooleanAttribute()
    backed_up = BooleanAttribute()
    transports = Texts(null=True)
    name = UnicodeAttribute()
    created_at = Integer()
    used_at = Integer(null=True)


class PasskeysItem(FactorItem):
    """The version of an account's list of passkeys, beside them."""

    version = Integer()


class ChallengeItem(Record):
    """A challenge. `number` is the key of the table, which it shares with the codes that are sent to numbers."""

    number = UnicodeAttribute(hash_key=True)
    purpose = UnicodeAttribute()
    user_id = Integer()
    expires_at = Integer()
    ttl = Integer()


def _challenge_number(value: bytes) -> str:
    return f"passkey-challenge:{base64url.encode(value)}"


def _challenge_key(value: bytes) -> Item:
    return {"number": {"S": _challenge_number(value)}}


def _serialize_challenge(challenge: Challenge) -> Item:
    return ChallengeItem(
        number=_challenge_number(challenge.value),
        purpose=challenge.purpose,
        user_id=challenge.user_id,
        expires_at=challenge.expires_at,
        ttl=challenge.expires_at,
    ).serialize()


def _serialize(passkey: Passkey) -> Item:
    return PasskeyItem(
        user_id=passkey.user_id,
        id=item_id(passkey.mark),
        credential_id=passkey.id,
        credential=passkey.credential,
        counter=passkey.counter,
        backup_eligible=passkey.backup_eligible,
        backed_up=passkey.backed_up,
        transports=list(passkey.transports) or None,
        name=passkey.name,
        created_at=passkey.created_at,
        used_at=passkey.used_at or None,
    ).serialize()


def _deserialize(item: Item) -> Passkey:
    return Passkey(
        user_id=int(item["user_id"]["N"]),
        id=item["credential_id"]["B"],
        credential=item["credential"]["B"],
        counter=int(item["counter"]["N"]),
        backup_eligible=read_flag(item, "backup_eligible"),
        backed_up=read_flag(item, "backed_up"),
        transports=read_texts(item, "transports"),
        name=item["name"]["S"],
        created_at=int(item["created_at"]["N"]),
        used_at=read_number(item, "used_at"),
    )


class DynamoPasskeys(DynamoTables):
    """`PasskeyStore` on DynamoDB. Each method is one call."""

    def get_passkey(self, user_id: int, mark: bytes) -> Passkey | None:
        """See `PasskeyStore`."""
        item = self.get(self.settings.factors_table, factor_key(user_id, item_id(mark)))
        return _deserialize(item) if item else None

    def list_passkeys(self, user_id: int) -> Passkeys:
        """See `PasskeyStore`."""
        items = self.read_all(
            "Query",
            TableName=self.settings.factors_table,
            KeyConditionExpression="user_id = :user AND begins_with(id, :prefix)",
            ExpressionAttributeValues={":user": {"N": str(user_id)}, ":prefix": {"S": _BOTH}},
            ConsistentRead=True,
        )
        listed, version = [], 0
        for item in items:
            if item["id"]["S"] == LIST:
                version = int(item["version"]["N"])
            else:
                listed.append(_deserialize(item))
        return Passkeys(tuple(sorted(listed, key=lambda passkey: (passkey.created_at, passkey.mark))), version)


def _put_challenge(settings: "Settings", write: PutChallenge) -> Action:
    """Without a condition: the key is random."""
    challenge = write.challenge
    return put(settings.codes_table, _challenge_key(challenge.value), _serialize_challenge(challenge))


def _use_challenge(settings: "Settings", write: UseChallenge) -> Action:
    condition = (
        (ChallengeItem.purpose == write.purpose)
        & (ChallengeItem.user_id == write.user_id)
        & (ChallengeItem.expires_at > write.now)
    )
    return delete(settings.codes_table, _challenge_key(write.value), condition)


def _put_passkey(settings: "Settings", write: PutPasskey) -> Action:
    item, passkey = _serialize(write.passkey), write.passkey
    key = factor_key(passkey.user_id, item_id(passkey.mark))
    return put(settings.factors_table, key, item, PasskeyItem.id.does_not_exist())


def _change_passkeys(settings: "Settings", write: ChangePasskeys) -> Action:
    version = PasskeysItem.version
    same = version == write.version if write.version else version.does_not_exist()
    return update(settings.factors_table, factor_key(write.user_id, LIST), same, version.set(write.version + 1))


def _use_passkey(settings: "Settings", write: UsePasskey) -> Action:
    stored = PasskeyItem.counter
    is_later = stored < write.counter if write.counter else stored == 0
    return update(
        settings.factors_table,
        factor_key(write.user_id, item_id(write.mark)),
        is_later,
        stored.set(write.counter),
        PasskeyItem.backed_up.set(write.backed_up),
        PasskeyItem.used_at.set(write.now),
    )


def _rename_passkey(settings: "Settings", write: RenamePasskey) -> Action:
    key = factor_key(write.user_id, item_id(write.mark))
    return update(settings.factors_table, key, PasskeyItem.id.exists(), PasskeyItem.name.set(write.name))


ACTIONS: Actions = {
    PutChallenge: _put_challenge,
    UseChallenge: _use_challenge,
    PutPasskey: _put_passkey,
    ChangePasskeys: _change_passkeys,
    UsePasskey: _use_passkey,
    RenamePasskey: _rename_passkey,
}
