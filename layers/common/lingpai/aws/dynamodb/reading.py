"""What items say: DynamoDB's typed values become parts of the model.

Written out, and not by PynamoDB: its records would read each value twice, and reading is what most requests do.
"""

import json
from collections.abc import Mapping
from typing import Any

from lingpai.accounts.model import Detail, KnownAddress, RoleBook, User
from lingpai.aws.dynamodb.items import COUNT, REPLACED_AT_BYTES, REPLACED_MARK_END, Item
from lingpai.clients.model import Client, EndedAccount
from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.sessions.storage import SessionSpan
from lingpai.signing_keys.model import StoredKey
from lingpai.sms_codes.model import Code

# What of a session's item tells its life.
SPAN_ATTRIBUTES = ("owner", "id", "created_at", "ends_at", "access_expires_at", "refresh_expires_at")


def to_client(item: Item) -> Client:
    """The record of a client."""
    return Client(
        id=item["client_id"]["S"],
        dialect=item["dialect"]["S"],
        grants=frozenset(_texts(item, "grants")),
        scopes=_texts(item, "scopes"),
        access_ttl=int(item["access_ttl"]["N"]),
        refresh_ttl=int(item["refresh_ttl"]["N"]),
        session_ttl=int(item["session_ttl"]["N"]),
        secret_hash=_binary(item, "secret_hash"),
        token_format=item["token_format"]["S"],
        token_alg=item["token_alg"]["S"],
        roles=frozenset(_texts(item, "roles")),
        sign_provider=_text(item, "sign_provider"),
        sign_app=item["sign_app"]["S"],
        disabled=_flag(item, "disabled"),
        api=_text(item, "api"),  # type: ignore[arg-type]  # only rights are written
        introspect=_flag(item, "introspect"),
        claims=frozenset(_texts(item, "claims")),  # type: ignore[arg-type]  # only names of claims are written
        valid_from=_number(item, "valid_from"),
        codes_from=frozenset(_texts(item, "codes_from")),
        forwards_address=_flag(item, "forwards_address"),
    )


def is_client(item: Item) -> bool:
    """Whether this is a client's record, and not the deployment's."""
    return "dialect" in item


def to_valid_from(item: Item) -> int:
    """The `valid_from` of the deployment's record."""
    return _number(item, "valid_from")


def to_ended(item: Item) -> tuple[EndedAccount, ...]:
    """The ended accounts in the deployment's record."""
    listed = _json(item, "ended") or ()
    return tuple(EndedAccount(user_id, until, bytes.fromhex(kept) if kept else None) for user_id, until, kept in listed)


def to_user(item: Item) -> User:
    """An account."""
    return User(
        id=int(item["id"]["N"]),
        created_at=int(item["created_at"]["N"]),
        username=_text(item, "username"),
        mobile=_text(item, "mobile"),
        openids=tuple((app, openid) for app, openid in _json(item, "openids") or ()),
        password=_text(item, "password"),
        digests=_text(item, "digests"),
        roles=frozenset(int(role_id) for role_id in item.get("roles", _NO_NUMBERS)["NS"]),
        disabled=_flag(item, "disabled"),
        detail=Detail(**(_json(item, "detail") or {})),
        imported_from=_text(item, "imported_from"),
        sessions=int(item["sessions"]["N"]) if "sessions" in item else None,
        logins=int(item["logins"]["N"]) if "logins" in item else None,
        ended_until=_number(item, "ended_until"),
    )


def to_session_span(item: Item) -> SessionSpan:
    """A session's life, from the attributes SPAN_ATTRIBUTES of its item."""
    good_until = max(_number(item, "access_expires_at"), _number(item, "refresh_expires_at"))
    return SessionSpan(
        key=SessionKey(int(item["owner"]["N"]), item["id"]["B"]),
        opened_at=_number(item, "created_at"),
        over_at=min(_number(item, "ends_at"), good_until),
    )


def to_user_id(item: Item) -> int:
    """Whom a name finds."""
    return int(item["user_id"]["N"])


def to_addresses(item: Item) -> tuple[KnownAddress, ...]:
    """The known addresses of a name."""
    return tuple(KnownAddress(mark, at) for mark, at in _json(item, "addresses") or ())


def to_role_book(item: Item) -> RoleBook:
    """The roles."""
    return RoleBook(
        names=tuple((role_id, name) for role_id, name in _json(item, "names")),
        next_id=int(item["next_id"]["N"]),
        version=int(item["version"]["N"]),
    )


def to_session(item: Item) -> Session:
    """A session."""
    return Session(
        key=SessionKey(int(item["owner"]["N"]), item["id"]["B"]),
        client_id=item["client_id"]["S"],
        scope=_texts(item, "scope"),
        created_at=int(item["created_at"]["N"]),
        ends_at=int(item["ends_at"]["N"]),
        access_hash=item["access_hash"]["B"],
        access_expires_at=int(item["access_expires_at"]["N"]),
        access_scope=_texts(item, "access_scope"),
        refresh_hash=_binary(item, "refresh_hash"),
        refresh_expires_at=_number(item, "refresh_expires_at"),
        rotated_at=_number(item, "rotated_at"),
        salt=_binary(item, "salt"),
        previous_refresh_hash=_binary(item, "previous_refresh_hash"),
        previous_access_hash=_binary(item, "previous_access_hash"),
        previous_access_expires_at=_number(item, "previous_access_expires_at"),
        previous_access_scope=_texts(item, "previous_access_scope"),
        auth_time=_number(item, "auth_time"),
        methods=_texts(item, "methods"),
        family_hash=_binary(item, "family_hash"),
        earlier=_replaced(item, "earlier"),
        recent=_replaced(item, "recent"),
        epoch=_number(item, "epoch"),
    )


def to_code(item: Item) -> Code:
    """What is known of a number."""
    return Code(
        number=item["number"]["S"],
        digest=_binary(item, "digest"),
        expires_at=_number(item, "expires_at"),
        sent=tuple(int(at["N"]) for at in item.get("sent", _NO_LIST)["L"]),
        tries=_number(item, "tries"),
        tries_until=_number(item, "tries_until"),
        proven=_flag(item, "proven"),
        client_id=_text(item, "client_id"),
        purpose=_text(item, "purpose"),  # type: ignore[arg-type]  # only purposes are written
        name_tries=_number(item, "name_tries"),
        name_tries_until=_number(item, "name_tries_until"),
        guesses=_number(item, "guesses"),
        proof_day=_number(item, "proof_day"),
        unsent=_text(item, "unsent") or "",
    )


def to_counts(item: Item | None) -> Mapping[str, int]:
    """The counts of a tally."""
    counted = ((name, value) for name, value in (item or {}).items() if name.startswith(COUNT))
    return {name.removeprefix(COUNT): int(value["N"]) for name, value in counted}


def to_stored_key(item: Item) -> StoredKey:
    """A key pair."""
    return StoredKey(
        algorithm=item["algorithm"]["S"],
        number=int(item["number"]["N"]),
        kid=item["kid"]["S"],
        signs_from=int(item["signs_from"]["N"]),
        public=item["public"]["B"],
        private=_binary(item, "private"),
    )


_NO_LIST: dict[str, Any] = {"L": ()}
_NO_NUMBERS: dict[str, Any] = {"NS": ()}


def _text(item: Item, name: str) -> str | None:
    value = item.get(name)
    return value["S"] if value else None


def _binary(item: Item, name: str) -> bytes | None:
    value = item.get(name)
    return value["B"] if value else None


def _number(item: Item, name: str) -> int:
    """0 for none."""
    value = item.get(name)
    return int(value["N"]) if value else 0


def _flag(item: Item, name: str) -> bool:
    return bool(item.get(name, {}).get("BOOL"))


def _texts(item: Item, name: str) -> tuple[str, ...]:
    """None for none."""
    return tuple(value["S"] for value in item.get(name, _NO_LIST)["L"])


def _replaced(item: Item, name: str) -> tuple[Replaced, ...]:
    """The rotations in a list; none for none."""
    values = (value["B"] for value in item.get(name, _NO_LIST)["L"])
    at, mark = REPLACED_AT_BYTES, REPLACED_MARK_END
    return tuple(Replaced(int.from_bytes(raw[:at]), raw[at:mark], raw[mark:]) for raw in values)


def _json(item: Item, name: str) -> Any:
    """What stands in a text; None for none."""
    value = item.get(name)
    return json.loads(value["S"]) if value else None
