"""The store interface of sessions: their writes and reads."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.sessions.model import Replaced, Session, SessionKey


@dataclass(frozen=True)
class PutSession(Write):
    """Put a new session. Its key is random, so an existing item under it is the same session from an earlier try."""

    session: Session
    ttl: int

    def opened_at(self, at: int) -> "PutSession":
        """The write for the same session, opened at `at`."""
        return replace(self, session=replace(self.session, created_at=at))


@dataclass(frozen=True)
class EndSession(Write):
    """Delete the session, if it exists. With `must_exist`, fails unless it does.

    One that is `evicted` makes room for another, and leaves no tombstone: its owner would have one more by each login.
    """

    key: SessionKey
    must_exist: bool = False
    evicted: bool = False


@dataclass(frozen=True)
class CheckSession(Write):
    """Write nothing; fail unless a session has this key, a client's or a browser's."""

    key: SessionKey


# The most rotations that a session records in one span of time. An item with so many is far below 400 KB.
HISTORY_MAX = 500


class History(Enum):
    """How a rotation changes the recorded rotations of its session."""

    # Append it to `recent`. Refused if that has HISTORY_MAX already.
    APPEND = auto()
    # Move `recent` to `earlier`, and start a new `recent` with it.
    SHIFT = auto()
    # Drop all earlier ones, and start a new `recent` with it.
    RESTART = auto()


@dataclass(frozen=True)
class Rotation:
    """Replacing the presented refresh secret by new secrets (all as SHA-256).

    `scope` is the scope of the new access token; None for the whole scope of the session. `audience` is its audience;
    () for all resources of the session, None for the same as before. `history` tells how the rotation is recorded.

    `jkt` is the key that the new access token is bound to; None for none. `same_key` is whether the refresh token of a
    bound session needs the same key again (RFC 9449 section 5).
    """

    key: SessionKey
    client_id: str
    presented_hash: bytes = field(repr=False)
    now: int
    salt: bytes = field(repr=False)
    access_hash: bytes = field(repr=False)
    access_expires_at: int
    refresh_hash: bytes = field(repr=False)
    refresh_expires_at: int
    scope: tuple[str, ...] | None
    ttl: int
    family_hash: bytes = field(repr=False)
    history: History
    mark: bytes = field(repr=False)
    audience: tuple[str, ...] | None = None
    jkt: str | None = None
    same_key: bool = True

    @property
    def replaced(self) -> Replaced:
        """The record of the rotation that the session keeps."""
        return Replaced(self.now, self.mark, self.salt)


@dataclass(frozen=True)
class SessionSpan:
    """When a session was opened, and when its last token expires unless it is refreshed."""

    key: SessionKey
    opened_at: int
    over_at: int


@dataclass(frozen=True)
class Rotated:
    """The result of a rotation: `done`, and the session after it; if it was refused, the session that it found."""

    done: bool
    session: Session | None


@dataclass(frozen=True)
class Ended:
    """Whether a session was deleted; if that was refused, `session` is the one that was found."""

    done: bool
    session: Session | None


class TokenFamilies(Protocol):
    """Single sessions. An expired one may still be found: callers check the expiry."""

    def get_session(self, key: SessionKey) -> Session | None:
        """The session; sees all writes before it."""
        ...

    def rotate(self, rotation: Rotation) -> Rotated:
        """Replace the secrets in one conditional write.

        Done only if the presented refresh secret is the session's current one, the session belongs to the client,
        neither has expired at `now`, and the session's scope contains all of `scope` and its audience all of
        `audience`. A session that is bound to a key needs a `jkt`, with `same_key` this one. The current values (access
        secret with its expiry, scope, audience and key, refresh secret) become the previous ones. `History` tells how
        earlier rotations are kept.
        """
        ...

    def delete_matching(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """Delete the session in one conditional write.

        Done only if `hashed` is the hash of one of its four secrets (current and previous, access and refresh) and,
        with `client_id`, the session belongs to this client.
        """
        ...

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """Delete these sessions; missing ones are no error."""
        ...


class RevokedTokens(Protocol):
    """Access tokens without a session (JWTs) that were revoked before they expired."""

    def revoke_jti(self, key: SessionKey, ttl: int) -> None:
        """Record until `ttl` that the token with this key, which has no session, is revoked."""
        ...

    def is_revoked(self, key: SessionKey) -> bool:
        """Whether the token with this key is revoked; sees all writes before it."""
        ...


class UserSessions(Protocol):
    """All sessions of a user."""

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """The keys of all sessions of the user, or of any `most` of them; sees all writes before it."""
        ...

    def opened_at(self, key: SessionKey) -> int | None:
        """When the session was opened, of whatever kind it is; None where there is none."""
        ...

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """The spans of all sessions of the user, expired ones included; sees all writes before it."""
        ...


class Sessions(TokenFamilies, RevokedTokens, UserSessions, Protocol):
    """The whole store interface of sessions."""
