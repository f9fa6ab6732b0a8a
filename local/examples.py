"""Store what the example requests refer to: accounts, sessions, codes and a role, the same on every machine.

The examples are those of the features' modules `api`. Events hold tokens, codes and ids. `put` stores what belongs to
them, so that each event succeeds like a client's request. Their secrets are public: they are for local stores only.

`put` restores what an event has used up.
"""

import hashlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

import lingpai
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import CheckUser
from lingpai.http.example import NONCE, ROLE, Account, Example, SentCode
from lingpai.identity_providers import id_tokens
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sessions import service as sessions
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes

# Logins are dated 2099-01-01T00:00:00Z and codes one year ahead, so until then they are valid and recent.
LOGGED_IN_AT = 4_070_908_800
AHEAD = 365 * 86400
PASSWORD = "correct horse battery"
# What the ID token says of the OpenID provider that events/env.local.json names.
_CLAIMS = {
    "iss": "https://provider.example",
    "aud": "example-app",
    "sub": "example-subject",
    "iat": 1_767_225_600,
    "exp": LOGGED_IN_AT,
    "nonce": NONCE,
}

# The values of one event, by name: token, refresh_token, id, mobile, code, id_token.
type Values = Mapping[str, Any]


def api_modules() -> Iterator[ModuleType]:
    """The module `api` of each feature that has routes, in the order of the features' names."""
    for path in sorted(Path(lingpai.__path__[0]).glob("*/api.py")):
        if path.parent.name != "http":
            yield importlib.import_module(f"lingpai.{path.parent.name}.api")


# All features' examples, by the name of the event.
EXAMPLES: Mapping[str, Example] = {
    name: example for module in api_modules() for name, example in module.EXAMPLES.items()
}


def put(services: Services, *names: str) -> Mapping[str, Values]:
    """Put what these examples refer to (all by default) into a store that holds the demo data.

    Returns the values by event. What an earlier call has put is replaced.
    """
    chosen = {name: EXAMPLES[name] for name in names or EXAMPLES}
    _put_role(services)
    _put_accounts(services, chosen.values())
    return {name: _values(services, name, example) for name, example in chosen.items()}


def filled(fields: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The fields of an example with `values` in their places."""
    places = {f"{{{name}}}": value for name, value in values.items()}
    return {name: places.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}


def _values(services: Services, name: str, example: Example) -> Values:
    """Store what one example refers to; returns its values."""
    values: dict[str, Any] = {}
    if example.caller is not None:
        values |= _session(services, name, example.caller, example.client_id)
    if example.about is not None:
        values["id"] = example.about.id
    if example.code is not None:
        values |= _code(services, name, example.code)
    if "{id_token}" in example.fields.values():
        values["id_token"] = _unused_id_token(services)
    return values


def _put_role(services: Services) -> None:
    """Add the role, unless it was deleted from this store: ids of roles are not reused."""
    role_id, _ = ROLE
    book = services.store.directory().roles
    if role_id >= book.next_id:
        services.store.save_roles(replace(book, names=tuple(sorted((*book.names, ROLE))), next_id=role_id + 1))


def _put_accounts(services: Services, examples: Iterable[Example]) -> None:
    needed = {each for example in examples for each in (example.caller, example.about) if each is not None}
    roles = services.store.directory().roles
    admin = roles.id_of(services.settings.admin_role)
    # One hash for all accounts, since hashing is slow.
    hashed = accounts.with_password(services, User(id=0, created_at=0), PASSWORD)
    for account in sorted(needed, key=lambda account: account.id):
        if services.store.get_user(account.id) is not None:
            accounts.delete(services, account.id)
        user = replace(
            hashed,
            id=account.id,
            created_at=services.clock.now(),
            username=account.name,
            mobile=account.mobile,
            openids=account.openids,
            roles=frozenset((admin,)) if account.admin and admin is not None else frozenset(),
        )
        accounts.add(services, user)


def _session(services: Services, name: str, account: Account, client_id: str) -> Values:
    """Open the event's session; returns its tokens and the account's id."""
    client = services.clients.get_client(client_id)
    if client is None:
        raise LookupError(f"the demo data has no client {client_id}")
    own = replace(services, clock=Clock(lambda: LOGGED_IN_AT, _drawn(name)))
    session = sessions.new_session(own, client, client.scopes, account.id, (login_methods.PASSWORD,), LOGGED_IN_AT)
    # Not alone: a session is never put once more where one of the same key has ended.
    services.store.commit(session.put, CheckUser(account.id))
    tokens = session.tokens
    return {"token": tokens.access_token, "refresh_token": tokens.refresh_token or "", "id": account.id}


def _code(services: Services, name: str, sent: SentCode) -> Values:
    """Send the event's code; returns the number and the code."""
    sms = ConsoleSender()
    clock = Clock(lambda: services.clock.time() + AHEAD, _drawn(name))
    own = replace(services, clock=clock, sms=sms)
    # A number that was sent a code a moment ago keeps that one.
    with suppress(LingpaiError):
        sms_codes.send(own, sms_codes.SendRequest(sent.number, sent.client_id, "zh", sent.purpose), "127.0.0.1")
    code = sms.outbox[0].code if sms.outbox else ""
    return {"mobile": sent.number.removeprefix("+86"), "code": code}


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
