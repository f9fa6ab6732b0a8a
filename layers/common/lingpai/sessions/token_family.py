"""The secrets of a token family: how the next ones are derived, and what an older one may still get.

A refresh secret has 32 bytes (docs/decisions/0013-refresh-retries.md):

    unique, 16 bytes | issued at, 4 bytes | family key masked by the two, 12 bytes

The family key is the same in all refresh secrets of a session and in nothing else; the session keeps its SHA-256. So a
secret that gives this key was made by the server, or by somebody who holds one that was. The key opens nothing.

The next secrets are HMAC-SHA256, keyed by the secret that is replaced, of a salt that the session keeps. Whoever holds
that secret and the salts of the rotations since gets the current pair; neither is enough alone.

Nothing here asks a store or a clock. Times are whole seconds since 1970.
"""

import hashlib
import hmac

from lingpai.sessions.model import Replaced, Session

KEY_BYTES = 12
MARK_BYTES = 8

_UNIQUE_BYTES = 16
_TIME_BYTES = 4
_TIME_END = 1 << 8 * _TIME_BYTES


def digest(secret: bytes) -> bytes:
    """SHA-256. The secrets are random: no slow hash would make them harder to guess."""
    return hashlib.sha256(secret).digest()


def mark(hashed: bytes) -> bytes:
    """The part of a refresh secret's hash by which a session finds the rotation that replaced it."""
    return hashed[:MARK_BYTES]


def first_secret(random: bytes, issued_at: int) -> bytes:
    """The refresh secret of a new family, from 28 random bytes or more."""
    return _secret(random[:_UNIQUE_BYTES], issued_at, random[_UNIQUE_BYTES : _UNIQUE_BYTES + KEY_BYTES])


def issued_at(secret: bytes) -> int:
    """When the refresh secret was issued; any number for one that is not of this form, or that was altered."""
    return int.from_bytes(secret[_UNIQUE_BYTES : _UNIQUE_BYTES + _TIME_BYTES])


def key_hash(secret: bytes) -> bytes:
    """The hash of the family key in a refresh secret, as `Session.family_hash` keeps it.

    In a secret of the old form (32 random bytes) the same bytes are read as its key, which becomes the family's with
    the next rotation.
    """
    return hashlib.sha256(b"family" + _family_key(secret)).digest()


def next_access(replaced: bytes, salt: bytes) -> bytes:
    """The access secret that a rotation gives for the refresh secret that it replaces."""
    return hmac.digest(replaced, salt + b"access", "sha256")


def next_refresh(replaced: bytes, salt: bytes, at: int) -> bytes:
    """The refresh secret that a rotation at this time gives for the one that it replaces."""
    unique = hmac.digest(replaced, salt + b"refresh", "sha256")[:_UNIQUE_BYTES]
    return _secret(unique, at, _family_key(replaced))


def current_pair(session: Session, secret: bytes) -> tuple[bytes, bytes, int] | None:
    """The session's access and refresh secret of now, derived from an older refresh secret, and when that was replaced.

    None where the session does not remember all rotations since.
    """
    hashed = digest(secret)
    steps = session.earlier + session.recent
    for index, step in enumerate(steps):
        if hmac.compare_digest(step.mark, mark(hashed)):
            pair = _follow(secret, steps[index:])
            if hmac.compare_digest(digest(pair[1]), session.refresh_hash or b""):
                return *pair, step.at
    if session.salt is not None and is_hash(hashed, session.previous_refresh_hash):
        # The rotation was done by a version that kept no steps and gave no family key.
        refresh = hmac.digest(secret, session.salt + b"refresh", "sha256")
        if is_hash(digest(refresh), session.refresh_hash):
            return next_access(secret, session.salt), refresh, session.rotated_at
    return None


def has_issued(session: Session, secret: bytes) -> bool:
    """Whether the session provably gave out this secret, current or not."""
    hashed = digest(secret)
    known = (session.access_hash, session.refresh_hash, session.previous_access_hash, session.previous_refresh_hash)
    return any(is_hash(hashed, one) for one in known) or is_hash(key_hash(secret), session.family_hash)


def is_hash(hashed: bytes, stored: bytes | None) -> bool:
    """Whether this is the hash that is stored, compared in constant time; False where none is stored."""
    return stored is not None and hmac.compare_digest(hashed, stored)


def _follow(secret: bytes, steps: tuple[Replaced, ...]) -> tuple[bytes, bytes]:
    """The access and refresh secret that these rotations, one after the other, make of the first secret."""
    access = b""
    for step in steps:
        access, secret = next_access(secret, step.salt), next_refresh(secret, step.salt, step.at)
    return access, secret


def _secret(unique: bytes, at: int, family_key: bytes) -> bytes:
    head = unique + (at % _TIME_END).to_bytes(_TIME_BYTES)
    return head + _masked(family_key, head)


def _family_key(secret: bytes) -> bytes:
    head = secret[: _UNIQUE_BYTES + _TIME_BYTES]
    return _masked(secret[len(head) :], head)


def _masked(part: bytes, head: bytes) -> bytes:
    """The family key masked, or unmasked, by the bytes before it: any altered bit gives another key."""
    mask = hmac.digest(head, b"family", "sha256")[:KEY_BYTES]
    return bytes(one ^ other for one, other in zip(part, mask, strict=True))
