"""The life cycle of the keys that sign tokens: generate, publish, sign, retire, delete.

The keys of an algorithm are numbered. A key signs from `signs_from` until the next one does. It is published from
its generation until all tokens that it signed have expired, so everyone knows a new key before it signs.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lingpai.kernel import base64url
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import unavailable
from lingpai.signing_keys.model import Key, SigningKey, StoredKey
from lingpai.signing_keys.storage import KeyStore, KeyWrapper

ALGORITHMS = ("ES256", "RS256")
KeyState = Literal["next", "signing", "retired", "gone"]

# How long a key is published before it signs: longer than anyone keeps a copy of the JWKS.
LEAD = 24 * 3600
# How long a key signs.
PERIOD = 90 * 24 * 3600
# How long a retired key keeps its private key: longer than a repeated response may need the same signature.
PRIVATE_RETENTION = 24 * 3600
# How long a retired key is still published: the longest life of an access token (a year) and a day.
RETENTION = 366 * 24 * 3600
# What `retired_at` is for a key that no other follows.
_FOREVER = 2**62


@dataclass(frozen=True)
class _Ready:
    """A key as it is stored, and its parsed public key."""

    stored: StoredKey
    key: Key


class KeyRing:
    """The keys of a deployment, read again after `ttl` seconds.

    Each private key is decrypted once, before it first signs: verifying needs only the store.
    """

    def __init__(self, store: KeyStore, wrapper: KeyWrapper, clock: Clock, ttl: int) -> None:
        self._store = store
        self._wrapper = wrapper
        self._clock = clock
        self._ttl = ttl
        self._read_at: int | None = None
        self._keys: tuple[_Ready, ...] = ()
        self._opened: dict[str, SigningKey] = {}

    def published(self) -> tuple[Key, ...]:
        """See `Keys`."""
        now, ready = self._clock.now(), self._all()
        stored = [entry.stored for entry in ready]
        return tuple(entry.key for entry in ready if now < retired_at(entry.stored, stored) + RETENTION)

    def signing(self, algorithm: str, at: int) -> SigningKey:
        """See `Keys`."""
        begun = self._begun(algorithm, at)
        if not begun and self._read_at != self._clock.elapsed():
            # Another process may have made the first keys a moment ago.
            self._read_at = None
            begun = self._begun(algorithm, at)
        if not begun:
            raise unavailable("no_signing_key")
        return self._open(begun[-1])

    def find(self, kid: str) -> Key | None:
        """See `Keys`; also finds a key that another process has just generated."""
        found = self._published(kid)
        if found is None and self._read_at != self._clock.elapsed():
            self._read_at = None
            found = self._published(kid)
        return found

    def stored(self) -> tuple[StoredKey, ...]:
        """See `Keys`."""
        return self._store.load_keys()

    def rotate(self, algorithm: str, lead: int) -> StoredKey | None:
        """See `Keys`."""
        return rotate(self._store, self._wrapper, self._clock, algorithm, lead)

    def _begun(self, algorithm: str, at: int) -> list[_Ready]:
        return [entry for entry in self._all() if entry.stored.algorithm == algorithm and entry.stored.signs_from <= at]

    def _published(self, kid: str) -> Key | None:
        now, ready = self._clock.now(), self._all()
        for entry in ready:
            if entry.key.kid == kid:
                stored = [each.stored for each in ready]
                return entry.key if now < retired_at(entry.stored, stored) + RETENTION else None
        return None

    def _all(self) -> tuple[_Ready, ...]:
        now = self._clock.elapsed()
        if self._read_at is None or now >= self._read_at + self._ttl:
            known = {entry.key.kid: entry.key for entry in self._keys}
            stored = sorted(self._store.load_keys(), key=lambda key: (key.signs_from, key.number))
            self._keys = tuple(_Ready(key, known.get(key.kid) or _ready(key)) for key in stored)
            kept = {key.kid for key in stored if key.private is not None}
            self._opened = {kid: opened for kid, opened in self._opened.items() if kid in kept}
            self._read_at = now
        return self._keys

    def _open(self, entry: _Ready) -> SigningKey:
        """The private key; checked to match the public one, since its signatures could not be verified otherwise."""
        stored = entry.stored
        if stored.kid not in self._opened:
            if stored.private is None:
                raise unavailable("no_signing_key", detail=f"{named(stored)} has no private half any more")
            private = _load_private(self._wrapper.unwrap(stored))
            if private.public_key() != entry.key.public:
                raise unavailable("no_signing_key", detail=f"the halves of {named(stored)} do not belong together")
            self._opened[stored.kid] = SigningKey(stored.kid, stored.algorithm, private)
        return self._opened[stored.kid]


# --- making them, and taking them away ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """A key and its state: next, signing, retired (still published) or gone. Times in seconds since 1970."""

    key: StoredKey
    state: KeyState
    retires_at: int | None
    published_until: int | None


@dataclass(frozen=True)
class Maintenance:
    """Changes to the keys of a deployment, by key id. `private_deleted`: keys whose private key was deleted."""

    made: tuple[str, ...] = ()
    private_deleted: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def first_keys(store: KeyStore, wrapper: KeyWrapper, clock: Clock) -> tuple[StoredKey, ...]:
    """Make a key, ready to sign at once, for each algorithm that has none; those that were made."""
    known = {key.algorithm for key in store.load_keys()}
    made = (_make(store, wrapper, algorithm, 1, clock.now()) for algorithm in ALGORITHMS if algorithm not in known)
    return tuple(key for key in made if key is not None)


def rotate(store: KeyStore, wrapper: KeyWrapper, clock: Clock, algorithm: str, lead: int = LEAD) -> StoredKey | None:
    """A new key in the ring that signs after `lead` seconds; the one that signs then is retired.

    None where another process made one at the same time: that one is the next.
    """
    numbers = [key.number for key in store.load_keys() if key.algorithm == algorithm]
    return _make(store, wrapper, algorithm, max(numbers, default=0) + 1, clock.now() + lead)


def maintain(store: KeyStore, wrapper: KeyWrapper, clock: Clock, period: int = PERIOD, lead: int = LEAD) -> Maintenance:
    """Generate the keys that are due, and delete those no longer needed: first the private key, later the whole key.

    The first keys sign at once. A next one is due `lead` seconds before the newest has signed for `period` seconds.
    Call it periodically. Concurrent calls are safe: each key is generated once.
    """
    made = list(first_keys(store, wrapper, clock))
    now, stored = clock.now(), store.load_keys()
    private_deleted, deleted = [], []
    for algorithm in ALGORITHMS:
        mine = [key for key in stored if key.algorithm == algorithm]
        if now >= max(key.signs_from for key in mine) + period - lead:
            following = _make(store, wrapper, algorithm, max(key.number for key in mine) + 1, now + lead)
            made += [following] if following else []
        for key in mine:
            over = now - retired_at(key, mine)
            if over >= RETENTION:
                store.delete_key(key)
                deleted.append(key.kid)
            elif over >= PRIVATE_RETENTION and key.private is not None:
                store.forget_private(key)
                private_deleted.append(key.kid)
    return Maintenance(tuple(key.kid for key in made), tuple(private_deleted), tuple(deleted))


def retired_at(key: StoredKey, stored: Sequence[StoredKey]) -> int:
    """When a later key of the same algorithm takes over; 2^62 if there is none."""
    later = (other.signs_from for other in stored if other.algorithm == key.algorithm)
    return min((at for at in later if at > key.signs_from), default=_FOREVER)


def standing(stored: Iterable[StoredKey], now: int) -> list[Known]:
    """Each key with its state, ordered by algorithm and time."""
    ordered = sorted(stored, key=lambda key: (key.algorithm, key.signs_from, key.number))
    # Of two that begin at the same moment the later one signs.
    signing = {key.algorithm: key.kid for key in ordered if key.signs_from <= now}
    known = []
    for key in ordered:
        retires_at = retired_at(key, ordered)
        gone_at = retires_at + RETENTION
        state: KeyState
        if key.signs_from > now:
            state = "next"
        elif signing[key.algorithm] == key.kid:
            state = "signing"
        else:
            state = "retired" if now < gone_at else "gone"
        ends = retires_at != _FOREVER
        known.append(Known(key, state, retires_at if ends else None, gone_at if ends else None))
    return known


def named(key: StoredKey) -> str:
    """The key as an operator knows it: ES256.3."""
    return f"{key.algorithm}.{key.number}"


def thumbprint(public: bytes) -> str:
    """The id of a public key in DER: its JWK thumbprint by SHA-256, in base64url (RFC 7638 section 3)."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    numbers = (loaded := _load_public(public)).public_numbers()
    members = (
        {"e": _encode(numbers.e), "kty": "RSA", "n": _encode(numbers.n)}
        if isinstance(loaded, RSAPublicKey)
        else {"crv": "P-256", "kty": "EC", "x": _encode(numbers.x, 32), "y": _encode(numbers.y, 32)}
    )
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(text.encode()).digest())


def _make(store: KeyStore, wrapper: KeyWrapper, algorithm: str, number: int, signs_from: int) -> StoredKey | None:
    """Generate and store a key; None if one with this number exists by then."""
    pair = wrapper.generate(algorithm, number)
    key = StoredKey(algorithm, number, thumbprint(pair.public), signs_from, pair.public, pair.private)
    return key if store.add_key(key) else None


def _ready(key: StoredKey) -> Key:
    return Key(key.kid, key.algorithm, key.signs_from, _load_public(key.public))


def _load_public(der: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(der)


def _load_private(der: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # The checks of an RSA key cost 36 ms; this one comes from the key wrapper that made it.
    return load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)


def _encode(number: int, length: int | None = None) -> str:
    """A number as a JWK has it (RFC 7518 section 2, Base64urlUInt)."""
    return base64url.encode(number.to_bytes(length or (number.bit_length() + 7) // 8))
