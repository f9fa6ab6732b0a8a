"""The items of the tables, as PynamoDB writes them: their attributes, their keys, and how the model becomes one."""

import dataclasses
import functools
import json
import operator
from collections.abc import Mapping
from typing import Any

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

from lingpai.accounts.model import User
from lingpai.clients.model import Client, EndedAccount
from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.signing_keys.model import StoredKey

Item = dict[str, dict[str, Any]]

ROLE_BOOK = "roles"
# The record of the deployment, among those of its clients.
DEPLOYMENT = "lingpai:deployment"
COUNT = "n:"


class Integer(Attribute[int]):
    """A whole number: PynamoDB's own attribute is of floats."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        """As DynamoDB wants it: in digits."""
        return str(value)


class Integers(Attribute[list[int]]):
    """A list of whole numbers; PynamoDB's own lists know no type of their elements."""

    attr_type = "L"

    def serialize(self, value: list[int]) -> list[dict[str, str]]:
        """Each with its type."""
        return [{"N": str(element)} for element in value]


class Texts(Attribute[list[str]]):
    """A list of texts: unlike a set it keeps their order and may be empty."""

    attr_type = "L"

    def serialize(self, value: list[str]) -> list[dict[str, str]]:
        """Each with its type."""
        return [{"S": element} for element in value]


class PlainJson(JSONAttribute):
    """JSON with characters as they are: escaped, a Chinese one takes twice its bytes, an emoji thrice."""

    def serialize(self, value: object) -> str:
        """As text."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class ProfileJson(JSONAttribute):
    """JSON in UTF-8: what is written costs by its bytes. Items written before have characters beyond ASCII escaped."""

    def serialize(self, value: object) -> str:
        """As text; ASCII is spelled as it was before."""
        return json.dumps(value, ensure_ascii=False)

    def spellings(self, value: object) -> tuple[str, ...]:
        """The texts that may be stored for the value: as written now, and as written before."""
        return tuple(dict.fromkeys((self.serialize(value), json.dumps(value))))


class Record(AttributeContainer):
    """An item of a table. PynamoDB's Model is that, too, but it brings a client of its own along."""

    def __init__(self, _user_instantiated: bool = True, **values: Any) -> None:
        super().__init__(_user_instantiated, **values)

    def serialize(self) -> Item:
        """As DynamoDB wants it."""
        item: Item = self._container_serialize()
        return item


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
    api = UnicodeAttribute(null=True)
    introspect = BooleanAttribute(null=True)
    claims = Texts(null=True)
    valid_from = Integer(null=True)
    # Of the deployment's record alone: user id, until, and the id of the session that is kept, if any.
    ended = PlainJson(null=True)
    codes_from = Texts(null=True)
    forwards_address = BooleanAttribute(null=True)


class UserItem(Record):
    """An account. `disabled` is there only when true."""

    id = Integer(hash_key=True)
    created_at = Integer()
    username = UnicodeAttribute(null=True)
    mobile = UnicodeAttribute(null=True)
    openids = ProfileJson(null=True)
    password = UnicodeAttribute(null=True)
    digests = UnicodeAttribute(null=True)
    roles = NumberSetAttribute(null=True)
    disabled = BooleanAttribute(null=True)
    detail = ProfileJson(null=True)
    imported_from = UnicodeAttribute(null=True)
    # Left out of `user_item`, so that a change of the account leaves them as they are.
    sessions = Integer(null=True)
    logins = Integer(null=True)
    ended_until = Integer(null=True)


class IdentityItem(Record):
    """A name that finds a user."""

    key = UnicodeAttribute(hash_key=True)
    user_id = Integer()
    addresses = JSONAttribute(null=True)


class RoleBookItem(Record):
    """All roles."""

    book = UnicodeAttribute(hash_key=True)
    names = PlainJson()
    next_id = Integer()
    version = Integer()


class SessionItem(Record):
    """A token family, as far as conditions name it; `session_item` and `expressions.rotating` write the whole.

    The owner is the partition, so that one consistent query finds a user's sessions.
    """

    owner = Integer(hash_key=True)
    client_id = UnicodeAttribute()
    access_hash = BinaryAttribute(legacy_encoding=False)
    refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_access_hash = BinaryAttribute(legacy_encoding=False, null=True)


class CodeItem(Record):
    """The codes of a number and the guesses at them."""

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
    return Path([COUNT + name])


def same_item(stored: Item | None, item: Item) -> bool:
    """Whether what is stored is this item; the order of a set does not matter."""
    return stored is not None and _ordered(stored) == _ordered(item)


def _ordered(item: Item) -> Item:
    return {
        name: {kind: sorted(value) if kind in {"NS", "SS", "BS"} else value for kind, value in typed.items()}
        for name, typed in item.items()
    }


def below(limits: Mapping[str, int]) -> Condition:
    """That no count of a tally has reached its limit."""
    counts = [(count_path(name), limit) for name, limit in limits.items()]
    open_counts = (count.does_not_exist() | (count < limit) for count, limit in counts)
    condition: Condition = functools.reduce(operator.and_, open_counts)
    return condition


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
        api=client.api,
        introspect=client.introspect or None,
        claims=sorted(client.claims) or None,
        valid_from=client.valid_from or None,
        codes_from=sorted(client.codes_from) or None,
        forwards_address=client.forwards_address or None,
    )


def ended_list(accounts: tuple[EndedAccount, ...]) -> list[list[Any]]:
    """The ended accounts as the deployment's record lists them."""
    return [[account.user_id, account.until, account.kept.hex() if account.kept else None] for account in accounts]


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
        imported_from=user.imported_from,
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


# How a rotation is kept: the time in so many bytes, the mark in the next, then the salt.
REPLACED_AT_BYTES, REPLACED_MARK_END = 5, 13


def replaced_bytes(replaced: Replaced) -> bytes:
    """A rotation that a session remembers, as one value."""
    return replaced.at.to_bytes(REPLACED_AT_BYTES) + replaced.mark + replaced.salt


def session_item(session: Session, ttl: int) -> Item:
    """A new session as an item that the table may forget at `ttl`; written out, since each login makes one."""
    item: Item = {
        **session_key(session.key),
        "client_id": {"S": session.client_id},
        "scope": {"L": [{"S": word} for word in session.scope]},
        "created_at": {"N": str(session.created_at)},
        "ends_at": {"N": str(session.ends_at)},
        "access_hash": {"B": session.access_hash},
        "access_expires_at": {"N": str(session.access_expires_at)},
        "access_scope": {"L": [{"S": word} for word in session.access_scope]},
        "ttl": {"N": str(ttl)},
    }
    if session.refresh_hash is not None:
        item["refresh_hash"] = {"B": session.refresh_hash}
    if session.refresh_expires_at:
        item["refresh_expires_at"] = {"N": str(session.refresh_expires_at)}
    if session.family_hash is not None:
        item["family_hash"] = {"B": session.family_hash}
    if session.auth_time:
        item["auth_time"] = {"N": str(session.auth_time)}
    if session.epoch:
        item["epoch"] = {"N": str(session.epoch)}
    if session.methods:
        item["methods"] = {"L": [{"S": method} for method in session.methods]}
    return item
