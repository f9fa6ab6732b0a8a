"""Events in the changes of sessions: token families and browser sessions."""

import base64
from collections.abc import Iterator

from lingpai.events.changes import Change, Found, text, texts
from lingpai.sessions import session_id
from lingpai.sessions.model import SessionKey

_REUSED = "reuse_found"


def session_events(change: Change) -> Iterator[Found]:
    """The start of a user's session, and the end of any. Refreshes and uses change nothing that is told.

    What is neither a token family nor a browser session marks a revoked token, which has no session.
    """
    image = change.image
    client, is_browser = text(image, "client_id"), "browser_hash" in image
    if not client and not is_browser:
        return
    key = SessionKey(int(image["owner"]["N"]), base64.b64decode(image["id"]["B"]))
    data = {"session": session_id.of(key), "client": client, "sid": text(image, "sid"), "browser": is_browser}
    subject = f"client:{client}" if key.user_id is None else f"user:{key.user_id}"
    if change.is_deletion:
        kind = "session.reuse_found" if change.cause.why == _REUSED else "session.ended"
        yield Found(kind, subject, {**data, "why": change.cause.why})
    elif change.is_new and key.user_id is not None:
        yield Found("session.started", subject, {**data, "methods": texts(image, "methods")})
