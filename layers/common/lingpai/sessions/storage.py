"""What sessions need from a store: their writes and reads."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.sessions.model import Replaced, Session, SessionKey


@dataclass(frozen=True)
class PutSession(Write):
    """A new session. Its key is random: where one stands there already, it is this one, put before."""

    session: Session
    ttl: int

    def opened_at(self, at: int) -> "PutSession":
        """The write for the same session, opened at `at`."""
        return replace(self, session=replace(self.session, created_at=at))


@dataclass(frozen=True)
class EndSession(Write):
    """The session is gone, if it was there."""

    key: SessionKey


@dataclass(frozen=True)
class CheckSession(Write):
    """Writes nothing. Fails unless there is a session under this key, of a client or of a browser."""

    key: SessionKey


# How many rotations a session remembers in one span of time: more than anybody needs, and far from an item's limit.
HISTORY_MAX = 500


class History(Enum):
    """What becomes of the rotations that a session knows, once there is one more."""

    # `recent` gets one more. Refused where it has HISTORY_MAX already.
    APPEND = auto()
    # `recent` becomes `earlier`, and is the new one alone.
    SHIFT = auto()
    # Those before are forgotten: `recent` is the new one alone.
    RESTART = auto()


@dataclass(frozen=True)
class Rotation:
    """New secrets in place of the refresh secret that was presented (all as SHA-256).

    `scope` is what the new access token may do; None for the whole scope of the session. `audience` is whom it is for,
    () for all that the session was granted for, None for the same as before. `history` says where the rotation itself
    is remembered.
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

    @property
    def replaced(self) -> Replaced:
        """The rotation as the session remembers it."""
        return Replaced(self.now, self.mark, self.salt)


@dataclass(frozen=True)
class SessionSpan:
    """A session's life: when it was opened, and from when on none of its tokens is good unless it is refreshed."""

    key: SessionKey
    opened_at: int
    over_at: int


@dataclass(frozen=True)
class Rotated:
    """What became of a rotation: `session` as it is now; when it was refused, as it stood in the way."""

    done: bool
    session: Session | None


@dataclass(frozen=True)
class Ended:
    """Whether a session was ended; when it was refused, `session` is what stood in the way."""

    done: bool
    session: Session | None


class TokenFamilies(Protocol):
    """Single sessions. An expired one may still be found: callers check the expiry."""

    def get_session(self, key: SessionKey) -> Session | None:
        """The session; sees all writes before it."""
        ...

    def rotate(self, rotation: Rotation) -> Rotated:
        """Replace the secrets in one conditional write.

        Done only where the session's current refresh secret is the presented one, it belongs to the client,
        neither it nor the session has expired at `now`, and the session's scope holds all of `scope` and its audience
        all of `audience`. What was current (access secret, its expiry, scope and audience, refresh secret) becomes
        previous, and `History` says what becomes
        of the rotations before.
        """
        ...

    def delete_matching(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """Delete the session in one conditional write.

        Done only where `hashed` is one of its four secrets (current and previous, access and refresh) and, where
        `client_id` is given, it belongs to this client.
        """
        ...

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """Delete these sessions; those that are not there are no error."""
        ...


class RevokedTokens(Protocol):
    """Access tokens without a session (JWTs) that were revoked before they expired."""

    def revoke_jti(self, key: SessionKey, ttl: int) -> None:
        """Remember until `ttl` that the token which stands alone under this key is revoked."""
        ...

    def is_revoked(self, key: SessionKey) -> bool:
        """Whether the key is remembered as revoked; sees all writes before it."""
        ...


class UserSessions(Protocol):
    """All sessions of a user."""

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """The keys of all sessions of the user, or of any `most` of them; sees all writes before it."""
        ...

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """The lives of all sessions of the user, those that are over included; sees all writes before it."""
        ...


class Sessions(TokenFamilies, RevokedTokens, UserSessions, Protocol):
    """All that sessions need from a store."""
