"""The keys that sign tokens: when each is published, when it signs, when it is retired.

A key signs from `signs_from` until the next key of its algorithm does. It is published from the moment it is
in the ring until no token that it signed can be alive; so a new key is known to everyone before it signs.
"""

import base64
from collections.abc import Mapping

from lingpai.clock import Clock
from lingpai.errors import unavailable
from lingpai.model import Key, StoredKey
from lingpai.ports import KeyStore

ALGORITHMS = ("ES256", "RS256")

# How long a key is published before it signs: longer than anyone keeps a copy of the JWKS.
LEAD = 24 * 3600
# How long a retired key is still published: the longest life of an access token (a year) and a day.
AFTERLIFE = 366 * 24 * 3600
RSA_BITS = 2048


class KeyRing:
    """The keys of a deployment, read anew after `ttl` seconds, each made ready once."""

    def __init__(self, source: KeyStore, clock: Clock, ttl: int) -> None:
        self._source = source
        self._clock = clock
        self._ttl = ttl
        self._read_at: int | None = None
        self._keys: tuple[Key, ...] = ()

    def published(self) -> tuple[Key, ...]:
        """Every key that may have signed a token that is alive, or will sign."""
        now = self._clock.now()
        return tuple(key for key in self._all(now) if now < self._retired_at(key) + AFTERLIFE)

    def signing(self, algorithm: str, at: int) -> Key:
        """The key of this algorithm that signs at this time (seconds since 1970)."""
        begun = self._begun(algorithm, at)
        if not begun and self._read_at != self._clock.now():
            # Another process may have made the first keys a moment ago.
            self._read_at = None
            begun = self._begun(algorithm, at)
        if not begun:
            raise unavailable("no_signing_key")
        return begun[-1]

    def _begun(self, algorithm: str, at: int) -> list[Key]:
        return [key for key in self._all(at) if key.algorithm == algorithm and key.signs_from <= at]

    def find(self, kid: str) -> Key | None:
        """The published key of this id; one that another process has just made is looked for, too."""
        found = self._published_by_id().get(kid)
        if found is None and self._read_at != self._clock.now():
            self._read_at = None
            found = self._published_by_id().get(kid)
        return found

    def _published_by_id(self) -> Mapping[str, Key]:
        return {key.kid: key for key in self.published()}

    def _all(self, now: int) -> tuple[Key, ...]:
        if self._read_at is None or now >= self._read_at + self._ttl:
            known = {key.kid: key for key in self._keys}
            stored = sorted(self._source.load_keys(), key=lambda key: key.signs_from)
            self._keys = tuple(known.get(key.kid) or _ready(key) for key in stored)
            self._read_at = now
        return self._keys

    def _retired_at(self, key: Key) -> int:
        later = [other.signs_from for other in self._keys if other.algorithm == key.algorithm]
        return min((at for at in later if at > key.signs_from), default=2**62)


def generate(clock: Clock, algorithm: str, signs_from: int) -> StoredKey:
    """A new key pair of this algorithm (RFC 7518 section 3.1)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    private = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kid = base64.urlsafe_b64encode(clock.random_bytes(12)).decode()
    return StoredKey(kid, algorithm, signs_from, pem.decode())


def rotate(store: KeyStore, clock: Clock, algorithm: str, lead: int = LEAD) -> StoredKey:
    """A new key in the ring that signs after `lead` seconds; the one that signs now is retired then."""
    key = generate(clock, algorithm, clock.now() + lead)
    store.add_key(key)
    return key


def first_keys(store: KeyStore, clock: Clock) -> None:
    """Make a key, ready to sign at once, for each algorithm that has none."""
    known = {key.algorithm for key in store.load_keys()}
    for algorithm in ALGORITHMS:
        if algorithm not in known:
            rotate(store, clock, algorithm, lead=0)


def _ready(key: StoredKey) -> Key:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # The checks of an RSA key cost 36 ms; this one was made here.
    private = load_pem_private_key(key.pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    return Key(key.kid, key.algorithm, key.signs_from, private)
