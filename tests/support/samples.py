"""Clients, users, sessions and rotations to put into a store, and what a store shows of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from lingpai.accounts.model import Agreement, Email, Profile, User
from lingpai.clients.model import Client
from lingpai.clients.storage import ClientWriter
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import History, PutSession, Rotation
from lingpai.sms_codes.model import Code, Guess
from lingpai.sms_codes.storage import ConsumeCode
from lingpai.store import Store

NUMBER = "+8613312341234"
NOW = 1_767_600_000


class WholeStore(Store, ClientWriter, Protocol):
    """Every port that a store has, the operator's included."""


def hashed(secret: str) -> bytes:
    """32 bytes as a store keeps them."""
    return hashlib.sha256(secret.encode()).digest()


def a_client(**changes: Any) -> Client:
    """A record with every field given."""
    client = Client(
        id="web",
        dialect="spring",
        grants=frozenset({"password", "refresh_token"}),
        scopes=("write", "read"),
        access_ttl=3600,
        refresh_ttl=86400,
        session_ttl=864000,
        secret_hash=hashed("secret"),
        token_format="jwt",
        roles=frozenset({"admin", "审计"}),
        sign_provider="trusted",
        sign_app="mini-program",
        api="account",
        introspect=True,
        claims=frozenset({"roles", "username"}),
        valid_from=NOW - 1000,
        codes_from=frozenset({"phone", "网页"}),
        forwards_address=True,
        redirect_uris=("https://app.example/callback", "http://127.0.0.1/callback"),
        post_logout_redirect_uris=("https://app.example/",),
        first_party=True,
        name="应用",
        logo="https://app.example/logo.png",
        colour="#1a2b3c",
        terms="https://app.example/terms",
        policy="https://app.example/policy",
        id_token_alg="ES256",
        resources=("https://api.example", "urn:example:api"),
        dpop_bound_access_tokens=True,
        mfa="ignore",
        backchannel_logout_uri="https://app.example/backchannel-logout",
        backchannel_logout_session_required=True,
    )
    return replace(client, **changes)


def a_user(user_id: int = 1, **changes: Any) -> User:
    """An account with every field given."""
    user = User(
        id=user_id,
        created_at=NOW,
        username="Alice 爱丽丝 🀄",
        mobile=NUMBER,
        email=Email("Alice@example.com", verified=True),
        openids=(("trusted:a", "o-1"), ("wechat:b", "o-2")),
        password="$argon2id$one",
        password_set_at=NOW - 9,
        roles=frozenset({1, 2, 30}),
        second_factors=frozenset({"totp", "passkey"}),
        agreements=(Agreement("terms", "第一版", NOW, "192.0.2.1", "web-client"),),
        profile=Profile(
            name="爱丽丝",
            age="30",
            phone_number="123456789",
            gender="f",
            address="",
            created_at="2026-01-05 08:00:00",
            nation="CN",
            introduction="line one\nline two",
            picture="https://example.com/a.png",
            birthdate="1996-01-05",
        ),
    )
    return replace(user, **changes)


def a_session(owner: int = 1, number: int = 0, **changes: Any) -> Session:
    """A session as it is opened; the `number`th of its owner."""
    session = Session(
        key=SessionKey(owner, number.to_bytes(8)),
        client_id="web",
        scope=("read", "write"),
        created_at=NOW,
        ends_at=NOW + 5000,
        access_hash=hashed("access 1"),
        access_expires_at=NOW + 1000,
        access_scope=("read", "write"),
        refresh_hash=hashed("refresh 1"),
        refresh_expires_at=NOW + 3000,
        audience=("https://api.example", "urn:example:api"),
        access_audience=("https://api.example",),
        sid="a-browser",
    )
    return replace(session, **changes)


def a_rotation(session: Session, **changes: Any) -> Rotation:
    """The rotation that replaces the first secrets of `session` by the second ones, 100 s after it was opened."""
    rotation = Rotation(
        key=session.key,
        client_id="web",
        presented_hash=hashed("refresh 1"),
        now=NOW + 100,
        salt=hashed("salt 2"),
        access_hash=hashed("access 2"),
        access_expires_at=NOW + 1100,
        refresh_hash=hashed("refresh 2"),
        refresh_expires_at=NOW + 3100,
        scope=None,
        ttl=NOW + 6000,
        family_hash=hashed("family"),
        history=History.RESTART,
        mark=b"12345678",
    )
    return replace(rotation, **changes)


def a_code(**changes: Any) -> Code:
    """What is known of a number to which one code was just sent."""
    code = Code(
        number=NUMBER,
        digest=hashed("123456"),
        expires_at=NOW + 600,
        sent=(NOW,),
        tries=0,
        tries_until=NOW + 3600,
    )
    return replace(code, **changes)


def a_guess(now: int, window: int, **changes: Any) -> Guess:
    """A guess at a number, one of five."""
    return replace(Guess(now, window, tries=5), **changes)


def consume(**changes: Any) -> ConsumeCode:
    """The write that uses up `a_code`, 10 s after it was sent."""
    return replace(ConsumeCode(NUMBER, hashed("123456"), NOW + 10), **changes)


def open_sessions(store: Store, sessions: Iterable[Session], at_once: int = 100) -> None:
    """Put all these sessions, so many in a transaction."""
    writes = [PutSession(session, NOW + 6000) for session in sessions]
    for start in range(0, len(writes), at_once):
        store.commit(*writes[start : start + at_once])


@dataclass(frozen=True)
class Seen:
    """What a store shows of these things."""

    users: dict[int, User | None]
    names: dict[str, int | None]
    sessions: dict[SessionKey, Session | None]
    codes: dict[str, Code | None]


@dataclass(frozen=True)
class Eye:
    """Looks at the same things again and again, to tell what a write changed."""

    store: Store
    users: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    sessions: tuple[SessionKey, ...] = ()
    codes: tuple[str, ...] = field(default=(NUMBER,))

    def look(self) -> Seen:
        """All of it as it is now."""
        return Seen(
            users={user_id: self.store.get_user(user_id) for user_id in self.users},
            names={name: self.store.find_user_id(name) for name in self.names},
            sessions={key: self.store.get_session(key) for key in self.sessions},
            codes={number: self.store.get_code(number) for number in self.codes},
        )
