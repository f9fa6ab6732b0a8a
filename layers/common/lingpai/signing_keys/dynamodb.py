"""Signing keys on DynamoDB."""

from contextlib import suppress

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from lingpai.aws.dynamodb.actions import put
from lingpai.aws.dynamodb.attributes import Integer, Item, Record
from lingpai.aws.dynamodb.audited import absent, keep_cause, present, tombstone, with_cause
from lingpai.aws.dynamodb.expressions import expressions
from lingpai.aws.dynamodb.reading import read_bytes
from lingpai.aws.dynamodb.tables import DynamoTables, Refused
from lingpai.signing_keys.model import StoredKey


class SigningKeyItem(Record):
    """A key pair. `private` is the wrapped private half; it is absent once the key signs no more."""

    algorithm = UnicodeAttribute(hash_key=True)
    number = Integer(range_key=True)
    kid = UnicodeAttribute()
    signs_from = Integer()
    public = BinaryAttribute(legacy_encoding=False)
    private = BinaryAttribute(legacy_encoding=False, null=True)


def _key_of(key: StoredKey) -> Item:
    return {"algorithm": {"S": key.algorithm}, "number": {"N": str(key.number)}}


def _serialize_key(key: StoredKey) -> Item:
    return SigningKeyItem(
        algorithm=key.algorithm,
        number=key.number,
        kid=key.kid,
        signs_from=key.signs_from,
        public=key.public,
        private=key.private,
    ).serialize()


def _deserialize_key(item: Item) -> StoredKey:
    return StoredKey(
        algorithm=item["algorithm"]["S"],
        number=int(item["number"]["N"]),
        kid=item["kid"]["S"],
        signs_from=int(item["signs_from"]["N"]),
        public=item["public"]["B"],
        private=read_bytes(item, "private"),
    )


class DynamoKeys(DynamoTables):
    """`KeyStore` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def load_keys(self) -> tuple[StoredKey, ...]:
        """See `KeyStore`. The keys are few, so one call reads the whole table."""
        items = self.read_all("Scan", TableName=self.settings.keys_table, ConsistentRead=True)
        return tuple(_deserialize_key(item) for item in items)

    def add_key(self, key: StoredKey) -> bool:
        """See `KeyStore`; a second call where this number has a key. A transaction as in `DynamoStore.commit`."""
        item, new = with_cause(_serialize_key(key)), absent(SigningKeyItem.algorithm)
        if self.transact(put(self.settings.keys_table, _key_of(key), item, new)) is None:
            return True
        return key in self.load_keys()

    def forget_private(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        arguments = expressions(present(SigningKeyItem.algorithm), SigningKeyItem.private.remove(), keep_cause())
        with suppress(Refused):
            self.call("UpdateItem", TableName=self.settings.keys_table, Key=_key_of(key), **arguments)

    def delete_key(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        self.call("PutItem", TableName=self.settings.keys_table, Item=tombstone(_key_of(key)))
