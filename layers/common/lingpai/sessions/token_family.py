"""The secrets of a token family: deriving the next ones, and recognizing older ones.

A refresh secret has 32 bytes (docs/decisions/0013-refresh-retries.md):

    unique, 16 bytes | issued at, 4 bytes | family key masked by the two, 12 bytes

All refresh secrets of a session contain its family key, and nothing else does; the session stores the key's SHA-256. So
a secret with this key was issued by the server, or forged by a holder of such a secret. The key gives no access.

The next secrets are the HMAC-SHA256 of a salt, keyed by the secret that they replace; the session stores the salt. The
current pair follows from an older secret together with the salts of the rotations since; neither is enough alone.

This module calls neither store nor clock. Times are whole seconds since 1970.
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
    """SHA-256. The secrets are random, so they need no slow hash."""
    return hashlib.sha256(secret).digest()


def mark(hashed: bytes) -> bytes:
    """The start of a refresh secret's hash, by which a session finds the rotation that replaced the secret."""
    return hashed[:MARK_BYTES]


def first_secret(random: bytes, issued_at: int) -> bytes:
    """The refresh secret of a new family, from 28 random bytes or more."""
    return _secret(random[:_UNIQUE_BYTES], issued_at, random[_UNIQUE_BYTES : _UNIQUE_BYTES + KEY_BYTES])


def issued_at(secret: bytes) -> int:
    """When the refresh secret was issued; an arbitrary number if it has another form or was altered."""
    return int.from_bytes(secret[_UNIQUE_BYTES : _UNIQUE_BYTES + _TIME_BYTES])


def key_hash(secret: bytes) -> bytes:
    """The hash of the family key in a refresh secret (`Session.family_hash`).

    In a secret of the old form (32 random bytes) the same bytes are its key; the next rotation makes it the family key.
    """
    return hashlib.sha256(b"family" + _family_key(secret)).digest()


def next_access(replaced: bytes, salt: bytes) -> bytes:
    """The access secret that follows when a rotation with this salt replaces a refresh secret."""
    return hmac.digest(replaced, salt + b"access", "sha256")


def next_refresh(replaced: bytes, salt: bytes, at: int) -> bytes:
    """The refresh secret that follows when a rotation with this salt, at this time, replaces a refresh secret."""
    unique = hmac.digest(replaced, salt + b"refresh", "sha256")[:_UNIQUE_BYTES]
    return _secret(unique, at, _family_key(replaced))


def current_pair(session: Session, secret: bytes) -> tuple[bytes, bytes, int] | None:
    """The session's current access and refresh secret, derived from an older one, and when that one was replaced.

    None if the session no longer has all rotations since.
    """
    hashed = digest(secret)
    steps = session.earlier + session.recent
    for index, step in enumerate(steps):
        if hmac.compare_digest(step.mark, mark(hashed)):
            pair = _follow(secret, steps[index:])
            if hmac.compare_digest(digest(pair[1]), session.refresh_hash or b""):
                return *pair, step.at
    if session.salt is not None and is_hash(hashed, session.previous_refresh_hash):
        # An earlier version did this rotation. It recorded no rotations and had no family key.
        refresh = hmac.digest(secret, session.salt + b"refresh", "sha256")
        if is_hash(digest(refresh), session.refresh_hash):
            return next_access(secret, session.salt), refresh, session.rotated_at
    return None


def has_issued(session: Session, secret: bytes) -> bool:
    """Whether the session provably issued this secret, current or not."""
    hashed = digest(secret)
    known = (session.access_hash, session.refresh_hash, session.previous_access_hash, session.previous_refresh_hash)
    return any(is_hash(hashed, one) for one in known) or is_hash(key_hash(secret), session.family_hash)


def is_hash(hashed: bytes, stored: bytes | None) -> bool:
    """Whether this is the stored hash, compared in constant time; False if none is stored."""
    return stored is not None and hmac.compare_digest(hashed, stored)


def _follow(secret: bytes, steps: tuple[Replaced, ...]) -> tuple[bytes, bytes]:
    """The access and refresh secret after these rotations of `secret`, in order."""
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
