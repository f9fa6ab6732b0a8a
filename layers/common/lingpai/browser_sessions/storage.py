"""What browser sessions need from a store: their writes and reads.

They lie beside the token families of their user, so `sessions.storage` counts, lists and ends them with those.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol

from lingpai.accounts.model import User
from lingpai.browser_sessions.model import BrowserSession
from lingpai.consents.storage import Given
from lingpai.kernel.writes import Write
from lingpai.sessions.model import Session, SessionKey


@dataclass(frozen=True)
class PutBrowserSession(Write):
    """A new browser session. Its key is random."""

    session: BrowserSession
    ttl: int

    def opened_at(self, at: int) -> "PutBrowserSession":
        """The write for the same session, opened at `at`."""
        return replace(self, session=replace(self.session, created_at=at))


@dataclass(frozen=True)
class TouchBrowserSession(Write):
    """The session was used at `used_at`, and stays open until `idle_until`. Fails where it has ended meanwhile."""

    key: SessionKey
    used_at: int
    idle_until: int


@dataclass(frozen=True)
class RaiseBrowserSession(Write):
    """The user has logged in to the session by these methods. Fails where it has ended meanwhile."""

    key: SessionKey
    methods: tuple[str, ...]


@dataclass(frozen=True)
class BrowserLookup:
    """A browser session and its account, None for what is not there, and what the account has consented to."""

    session: BrowserSession | None
    user: User | None
    consents: Given = field(default_factory=dict)


class BrowserSessions(Protocol):
    """Browser sessions. One that is over may still be found: callers check that."""

    def look_up_browser(self, key: SessionKey) -> BrowserLookup:
        """The browser session of this key, which is none where a token family has it, and the account, in one call.

        It sees all writes before it.
        """
        ...

    def list_sessions(self, user_id: int, most: int) -> tuple[Session | BrowserSession, ...]:
        """Any `most` of the user's sessions of both kinds; sees all writes before it."""
        ...
