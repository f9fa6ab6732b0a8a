"""The items of the tables: what PynamoDB serialises, and how each becomes a part of the model and back."""

import dataclasses
import functools
import operator
from collections.abc import Mapping
from typing import Any, Self

from pynamodb.attributes import (
    Attribute,
    AttributeContainer,
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from lingpai.model import Client, Code, Detail, KnownAddress, RoleBook, Session, SessionKey, StoredKey, User

Item = dict[str, dict[str, Any]]

ROLE_BOOK = "roles"
_COUNT = "n:"


class Integer(Attribute[int]):
    """A whole number: PynamoDB's own attribute is of floats."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        """As DynamoDB wants it: in digits."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """From DynamoDB's digits."""
        return int(value)


class Integers(Attribute[list[int]]):
    """A list of whole numbers; PynamoDB's own lists know no type of their elements."""

    attr_type = "L"

    def serialize(self, value: list[int]) -> list[dict[str, str]]:
        """Each with its type."""
        return [{"N": str(element)} for element in value]

    def deserialize(self, value: list[dict[str, str]]) -> list[int]:
        """Each without its type."""
        return [int(element["N"]) for element in value]


class Texts(Attribute[list[str]]):
    """A list of texts: unlike a set it keeps their order and may be empty."""

    attr_type = "L"

    def serialize(self, value: list[str]) -> list[dict[str, str]]:
        """Each with its type."""
        return [{"S": element} for element in value]

    def deserialize(self, value: list[dict[str, str]]) -> list[str]:
        """Each without its type."""
        return [element["S"] for element in value]


class Record(AttributeContainer):
    """An item of a table. PynamoDB's Model is that, too, but it brings a client of its own along."""

    def __init__(self, _user_instantiated: bool = True, **values: Any) -> None:
        super().__init__(_user_instantiated, **values)

    def serialize(self) -> Item:
        """As DynamoDB wants it."""
        item: Item = self._container_serialize()
        return item

    @classmethod
    def from_raw_data(cls, item: Item) -> Self:
        """Of what DynamoDB has."""
        record: Self = cls._instantiate(item)
        return record


class ClientItem(Record):
    """A client's record."""

    client_id = UnicodeAttribute(hash_key=True)
    dialect = UnicodeAttribute()
    grants = Texts()
    scopes = Texts()
    access_ttl = Integer()
    refresh_ttl = Integer()
    session_ttl = Integer()
    secret_hash = BinaryAttribute(legacy_encoding=False, null=True)
    token_format = UnicodeAttribute()
    token_alg = UnicodeAttribute()
    roles = Texts()
    sign_provider = UnicodeAttribute(null=True)
    sign_app = UnicodeAttribute()
    disabled = BooleanAttribute(null=True)


class UserItem(Record):
    """An account. `disabled` is there only when true."""

    id = Integer(hash_key=True)
    created_at = Integer()
    username = UnicodeAttribute(null=True)
    mobile = UnicodeAttribute(null=True)
    openids = JSONAttribute(null=True)
    password = UnicodeAttribute(null=True)
    digests = UnicodeAttribute(null=True)
    roles = NumberSetAttribute(null=True)
    disabled = BooleanAttribute(null=True)
    detail = JSONAttribute(null=True)


class IdentityItem(Record):
    """A name that finds a user."""

    key = UnicodeAttribute(hash_key=True)
    user_id = Integer()
    addresses = JSONAttribute(null=True)


class RoleBookItem(Record):
    """All roles."""

    book = UnicodeAttribute(hash_key=True)
    names = JSONAttribute()
    next_id = Integer()
    version = Integer()


class SessionItem(Record):
    """A token family. The owner is the partition, so that one consistent query finds a user's sessions."""

    owner = Integer(hash_key=True)
    id = BinaryAttribute(range_key=True, legacy_encoding=False)
    client_id = UnicodeAttribute()
    scope = Texts()
    created_at = Integer()
    ends_at = Integer()
    access_hash = BinaryAttribute(legacy_encoding=False)
    access_expires_at = Integer()
    access_scope = Texts()
    refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    refresh_expires_at = Integer(null=True)
    rotated_at = Integer(null=True)
    salt = BinaryAttribute(legacy_encoding=False, null=True)
    previous_refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_access_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_access_expires_at = Integer(null=True)
    previous_access_scope = Texts(null=True)
    ttl = Integer()


class CodeItem(Record):
    """The codes of a number and the guesses at them."""

    number = UnicodeAttribute(hash_key=True)
    digest = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = Integer(null=True)
    sent = Integers(null=True)
    tries = Integer(null=True)
    tries_until = Integer(null=True)
    proven = BooleanAttribute(null=True)
    ttl = Integer()


class TallyItem(Record):
    """How often things happened in a window: a count is an attribute of its own, named by `count_path`."""

    key = UnicodeAttribute(hash_key=True)
    ttl = Integer()


class SigningKeyItem(Record):
    """A key pair. `private` is what the vault made of the private half; it is gone where the key signs no more."""

    algorithm = UnicodeAttribute(hash_key=True)
    number = Integer(range_key=True)
    kid = UnicodeAttribute()
    signs_from = Integer()
    public = BinaryAttribute(legacy_encoding=False)
    private = BinaryAttribute(legacy_encoding=False, null=True)


def client_key(client_id: str) -> Item:
    """The key of a client's record."""
    return {"client_id": {"S": client_id}}


def user_key(user_id: int) -> Item:
    """The key of an account."""
    return {"id": {"N": str(user_id)}}


def session_key(key: SessionKey) -> Item:
    """The key of a session."""
    return {"owner": {"N": str(key.owner)}, "id": {"B": key.id}}


def code_key(number: str) -> Item:
    """The key of a number's codes."""
    return {"number": {"S": number}}


def identity_key(key: str) -> Item:
    """The key of a name that finds a user."""
    return {"key": {"S": key}}


def tally_key(key: str) -> Item:
    """The key of a tally."""
    return {"key": {"S": key}}


def signing_key_key(key: StoredKey) -> Item:
    """The key of a key pair."""
    return {"algorithm": {"S": key.algorithm}, "number": {"N": str(key.number)}}


def count_path(name: str) -> Path:
    """The attribute of a count in its tally; the prefix keeps it from being the key or the ttl."""
    return Path([_COUNT + name])


def below(limits: Mapping[str, int]) -> Condition:
    """That no count of a tally has reached its limit."""
    counts = [(count_path(name), limit) for name, limit in limits.items()]
    open_counts = (count.does_not_exist() | (count < limit) for count, limit in counts)
    condition: Condition = functools.reduce(operator.and_, open_counts)
    return condition


def to_addresses(item: IdentityItem) -> tuple[KnownAddress, ...]:
    """The known addresses of a name."""
    return tuple(KnownAddress(mark, at) for mark, at in item.addresses or ())


def to_counts(item: Item | None) -> Mapping[str, int]:
    """The counts in a tally's item."""
    counted = ((name, value) for name, value in (item or {}).items() if name.startswith(_COUNT))
    return {name.removeprefix(_COUNT): int(value["N"]) for name, value in counted}


def client_item(client: Client) -> ClientItem:
    """The record as an item."""
    return ClientItem(
        client_id=client.id,
        dialect=client.dialect,
        grants=sorted(client.grants),
        scopes=list(client.scopes),
        access_ttl=client.access_ttl,
        refresh_ttl=client.refresh_ttl,
        session_ttl=client.session_ttl,
        secret_hash=client.secret_hash,
        token_format=client.token_format,
        token_alg=client.token_alg,
        roles=sorted(client.roles),
        sign_provider=client.sign_provider,
        sign_app=client.sign_app,
        disabled=client.disabled or None,
    )


def to_client(item: ClientItem) -> Client:
    """The record in an item."""
    return Client(
        id=item.client_id,
        dialect=item.dialect,
        grants=frozenset(item.grants),
        scopes=tuple(item.scopes),
        access_ttl=item.access_ttl,
        refresh_ttl=item.refresh_ttl,
        session_ttl=item.session_ttl,
        secret_hash=item.secret_hash,
        token_format=item.token_format,
        token_alg=item.token_alg,
        roles=frozenset(item.roles),
        sign_provider=item.sign_provider,
        sign_app=item.sign_app,
        disabled=bool(item.disabled),
    )


def user_item(user: User) -> UserItem:
    """The account as an item; what it does not have is left out."""
    detail = {name: value for name, value in dataclasses.asdict(user.detail).items() if value is not None}
    return UserItem(
        id=user.id,
        created_at=user.created_at,
        username=user.username,
        mobile=user.mobile,
        openids=[list(pair) for pair in user.openids] or None,
        password=user.password,
        digests=user.digests,
        roles=set(user.roles),
        disabled=user.disabled or None,
        detail=detail or None,
    )


def to_user(item: UserItem) -> User:
    """The account in an item."""
    return User(
        id=item.id,
        created_at=item.created_at,
        username=item.username,
        mobile=item.mobile,
        openids=tuple((app, openid) for app, openid in item.openids or ()),
        password=item.password,
        digests=item.digests,
        roles=frozenset(int(role_id) for role_id in item.roles or ()),
        disabled=bool(item.disabled),
        detail=Detail(**(item.detail or {})),
    )


def to_role_book(item: RoleBookItem) -> RoleBook:
    """The roles in an item."""
    return RoleBook(
        names=tuple((role_id, name) for role_id, name in item.names),
        next_id=item.next_id,
        version=item.version,
    )


def signing_key_item(key: StoredKey) -> SigningKeyItem:
    """The key pair as an item."""
    return SigningKeyItem(
        algorithm=key.algorithm,
        number=key.number,
        kid=key.kid,
        signs_from=key.signs_from,
        public=key.public,
        private=key.private,
    )


def to_stored_key(item: SigningKeyItem) -> StoredKey:
    """The key pair in an item."""
    return StoredKey(
        algorithm=item.algorithm,
        number=item.number,
        kid=item.kid,
        signs_from=item.signs_from,
        public=item.public,
        private=item.private,
    )


def session_item(session: Session, ttl: int) -> SessionItem:
    """A new session as an item that the table may forget at `ttl`."""
    return SessionItem(
        owner=session.key.owner,
        id=session.key.id,
        client_id=session.client_id,
        scope=list(session.scope),
        created_at=session.created_at,
        ends_at=session.ends_at,
        access_hash=session.access_hash,
        access_expires_at=session.access_expires_at,
        access_scope=list(session.access_scope),
        refresh_hash=session.refresh_hash,
        refresh_expires_at=session.refresh_expires_at or None,
        ttl=ttl,
    )


def to_session(item: SessionItem) -> Session:
    """The session in an item."""
    return Session(
        key=SessionKey(item.owner, item.id),
        client_id=item.client_id,
        scope=tuple(item.scope),
        created_at=item.created_at,
        ends_at=item.ends_at,
        access_hash=item.access_hash,
        access_expires_at=item.access_expires_at,
        access_scope=tuple(item.access_scope),
        refresh_hash=item.refresh_hash,
        refresh_expires_at=item.refresh_expires_at or 0,
        rotated_at=item.rotated_at or 0,
        salt=item.salt,
        previous_refresh_hash=item.previous_refresh_hash,
        previous_access_hash=item.previous_access_hash,
        previous_access_expires_at=item.previous_access_expires_at or 0,
        previous_access_scope=tuple(item.previous_access_scope or ()),
    )


def to_code(item: CodeItem) -> Code:
    """What an item knows of a number."""
    return Code(
        number=item.number,
        digest=item.digest,
        expires_at=item.expires_at or 0,
        sent=tuple(item.sent or ()),
        tries=item.tries or 0,
        tries_until=item.tries_until or 0,
        proven=bool(item.proven),
    )
