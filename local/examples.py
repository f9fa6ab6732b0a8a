"""The data that the events of `events/` refer to: accounts, sessions, codes and a role, the same on every machine.

Events hold tokens, codes and ids. `put` stores what belongs to them, so that each event succeeds like a client's
request. Their secrets are public: they are for local stores only.

Each event that changes something has its own account or session, so events do not affect each other. `put` restores
what an event has used up.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.identity_providers import id_tokens
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sessions import service as sessions
from lingpai.sms.model import Purpose
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes

# Logins are dated 2099-01-01T00:00:00Z and codes one year ahead, so until then they are valid and recent.
LOGGED_IN_AT = 4_070_908_800
AHEAD = 365 * 86400
PASSWORD = "correct horse battery"
ROLE = (900, "example-role")
# The OpenID provider that events/env.local.json names, and what its ID token says.
NONCE = "n-0S6_WzA2Mj"
_CLAIMS = {
    "iss": "https://provider.example",
    "aud": "example-app",
    "sub": "example-subject",
    "iat": 1_767_225_600,
    "exp": LOGGED_IN_AT,
    "nonce": NONCE,
}


# The values of one event, by name: token, refresh_token, id, mobile, code.
type Values = Mapping[str, Any]


@dataclass(frozen=True)
class _Account:
    """An account of the examples. `admin` gives it the admin role."""

    id: int
    admin: bool = False
    mobile: str | None = None
    openids: tuple[tuple[str, str], ...] = ()


ADMIN = "example-admin"
READER = "example-reader"

_ACCOUNTS = {
    ADMIN: _Account(101, admin=True),
    READER: _Account(102),
    "example-password": _Account(103),
    "example-phone": _Account(104),
    "example-identity": _Account(105, openids=(("trusted:default", "example-openid"),)),
    "example-member": _Account(106),
    "example-leaver": _Account(107),
    "example-number": _Account(108, mobile="+8613312341244"),
    "example-forgetful": _Account(109, mobile="+8613312341246"),
    "example-mover": _Account(110, mobile="+8613312341247"),
    "example-linker": _Account(111),
}

# By event: the session's account and client.
_SESSIONS = {
    "oauth-destory-token": (READER, "23"),
    "oauth-destroy-token": (READER, "23"),
    "oauth-get-temp-token": (READER, "23"),
    "oauth-introspect": (READER, "web-client"),
    "oauth-refresh-access-token": (READER, "23"),
    "oauth-revoke": (READER, "standard-client"),
    "roles-delete": (ADMIN, "web-client"),
    "roles-list": (ADMIN, "web-client"),
    "roles-save": (ADMIN, "web-client"),
    "token-refresh": (READER, "web-client"),
    "user-by-token": (READER, "23"),
    "user-check-token": (READER, "23"),
    "user-detail-current": (READER, "web-client"),
    "user-detail-get": (READER, "web-client"),
    "user-detail-update": (READER, "web-client"),
    "users-current": (READER, "web-client"),
    "users-delete": (ADMIN, "web-client"),
    "users-find": (ADMIN, "web-client"),
    "users-identities": (READER, "web-client"),
    "users-identities-link": ("example-linker", "web-client"),
    "users-identities-unlink": ("example-identity", "web-client"),
    "users-list": (ADMIN, "web-client"),
    "users-phone-remove": ("example-mover", "web-client"),
    "users-pwd-update": ("example-password", "web-client"),
    "users-role-update": (ADMIN, "web-client"),
    "users-save": (ADMIN, "web-client"),
    "users-update": ("example-phone", "web-client"),
}

# By event: the account that it is about, if it is not the caller's own.
_ABOUT = {"users-delete": "example-leaver", "users-role-update": "example-member"}

# By event: the number that the code was sent to, the client that asked for it, and its purpose.
_CODES: Mapping[str, tuple[str, str, Purpose]] = {
    "mobile-code-verify": ("+8613312341241", "web-client", "login"),
    "mobile-token": ("+8613312341242", "web-client", "login"),
    "token-mobile-code": ("+8613312341243", "standard-client", "login"),
    "token-usercenter-code": ("+8613312341244", "web-client", "login"),
    "users-pwd-reset": ("+8613312341246", "web-client", "reset"),
    "users-update": ("+8613312341245", "web-client", "link"),
}


def put(services: Services) -> Mapping[str, Values]:
    """Put the examples into a store that holds the demo data; returns the values by event.

    Examples of an earlier call are replaced.
    """
    _put_role(services)
    _put_accounts(services)
    values: dict[str, Values] = {name: _session(services, name) for name in _SESSIONS}
    for name in _CODES:
        values[name] = {**values.get(name, {}), **_code(services, name)}
    values["users-identities-link"] = {**values["users-identities-link"], "id_token": _unused_id_token(services)}
    return values


def _put_role(services: Services) -> None:
    """Add the role, unless it was deleted from this store: ids of roles are not reused."""
    role_id, _ = ROLE
    book = services.store.directory().roles
    if role_id >= book.next_id:
        services.store.save_roles(replace(book, names=tuple(sorted((*book.names, ROLE))), next_id=role_id + 1))


def _put_accounts(services: Services) -> None:
    roles = services.store.directory().roles
    admin = roles.id_of(services.settings.admin_role)
    # One hash for all accounts, since hashing is slow.
    hashed = accounts.with_password(services, User(id=0, created_at=0), PASSWORD)
    for name, account in _ACCOUNTS.items():
        if services.store.get_user(account.id) is not None:
            accounts.delete(services, account.id)
        user = replace(
            hashed,
            id=account.id,
            created_at=services.clock.now(),
            username=name,
            mobile=account.mobile,
            openids=account.openids,
            roles=frozenset((admin,)) if account.admin and admin is not None else frozenset(),
        )
        accounts.add(services, user)


def _session(services: Services, name: str) -> Values:
    """Open the event's session; returns its tokens and the id of the account that the event is about."""
    account, client_id = _SESSIONS[name]
    client = services.clients.get_client(client_id)
    if client is None:
        raise LookupError(f"the demo data has no client {client_id}")
    tokens = sessions.issue(
        replace(services, clock=Clock(lambda: LOGGED_IN_AT, _drawn(name))),
        client,
        client.scopes,
        _ACCOUNTS[account].id,
        methods=(login_methods.PASSWORD,),
    )
    return {
        "token": tokens.access_token,
        "refresh_token": tokens.refresh_token or "",
        "id": _ACCOUNTS[_ABOUT.get(name, account)].id,
    }


def _code(services: Services, name: str) -> Values:
    """Send the event's code; returns the number and the code."""
    number, client_id, purpose = _CODES[name]
    sms = ConsoleSender()
    clock = Clock(lambda: services.clock.time() + AHEAD, _drawn(name))
    own = replace(services, clock=clock, sms=sms)
    # A number that was sent a code a moment ago keeps that one.
    with suppress(LingpaiError):
        sms_codes.send(own, sms_codes.Asked(number, client_id, "zh", purpose), "127.0.0.1")
    code = sms.outbox[0].code if sms.outbox else ""
    return {"mobile": number.removeprefix("+86"), "code": code}


def provider_key() -> ed25519.Ed25519PrivateKey:
    """The key of the example's OpenID provider, which everybody knows."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"example provider").digest())


def _unused_id_token(services: Services) -> str:
    """An ID token of the provider, the same every time, as if it had not been presented yet."""
    token = jwt.encode(_CLAIMS, provider_key(), "EdDSA", headers={"kid": "example"})
    services.store.clear(f"idtoken:{id_tokens.present(token).fingerprint}")
    return token


def _drawn(name: str) -> Callable[[int], bytes]:
    """Return a source of random bytes that is the same for this event every time."""
    numbers = _numbers(name)
    return lambda length: next(numbers)[:length]


def _numbers(name: str) -> Iterator[bytes]:
    return (hashlib.sha512(f"example {name} {number}".encode()).digest() for number in count())
