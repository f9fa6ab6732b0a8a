"""What can go wrong, as one tree: no answer, a refusal, an answer that cannot be read.

No text of these holds a secret that was sent, and none of them keeps the request or the body of the answer. They can
be copied and pickled, so they can cross to another process.
Arguments that could never be sent (an empty password, say) are `ValueError` or `TypeError`: mistakes of the caller.
"""

from collections.abc import Mapping
from typing import Any


class LingpaiSDKError(Exception):
    """The base of all that a call raises."""


class TransportError(LingpaiSDKError):
    """There was no answer. `sent` tells whether the request may have reached the server, and so have had its effect."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class Timeout(TransportError):
    """Connecting, sending or waiting for the answer took longer than the timeouts allow."""


class ConnectionFailed(TransportError):
    """The connection could not be made, or broke: refused, no such host, a bad certificate, cut."""


class Refused(LingpaiSDKError):
    """The server answered, and the answer is no.

    `code` is what a program may decide by: the word of RFC 6749 section 5.2 or RFC 6750 section 3.1 where the server
    gives one (`invalid_grant`, `invalid_token`, …), else one by the status (see the README), and `refused` for the
    calls of `UserCenter`, which have neither. `description` is the server's text for people, `status` the HTTP
    status (200 for the calls of `UserCenter`), `retry_after` the seconds to wait where the server named them.
    `reason` is the server's finer word (`bad_credentials`, `captcha_required`, …), None without one. `captcha` is what
    shows the captcha that the server asks for, None where it asks for none.
    """

    # Not among the arguments, so that no repr shows it.
    captcha: Mapping[str, Any] | None = None

    def __init__(
        self, code: str, description: str, status: int, retry_after: float | None = None, reason: str | None = None
    ) -> None:
        super().__init__(code, description, status, retry_after, reason)
        self.code = code
        self.description = description
        self.status = status
        self.retry_after = retry_after
        self.reason = reason

    def __str__(self) -> str:
        wait = "" if self.retry_after is None else f", again after {self.retry_after:g} s"
        return f"{self.code}: {self.description or 'no reason given'} (HTTP {self.status}{wait})"


class InvalidSession(Refused):
    """A challenge cannot go on: it has ended, expired, or was used up. Begin a new one."""


class RedirectToWeb(Refused):
    """A challenge cannot go on in the app: send the user to the authorization endpoint.

    `request_uri` is what to send them with, good for `expires_in` seconds (RFC 9126 section 4). Both are None unless
    the challenge was begun with a `redirect_uri`.
    """

    # Not among the arguments, so that no repr shows them.
    request_uri: str | None = None
    expires_in: int | None = None


class BadAnswer(LingpaiSDKError):
    """The answer is not one of Lingpai's: no JSON, or JSON that lacks what it must have. `status` is its HTTP status.

    The request had its effect, as far as can be known. The usual reason is an address that leads somewhere else.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} (HTTP {self.status})"
