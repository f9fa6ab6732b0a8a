"""Pushed authorization requests (RFC 9126): kept for a while, found by a random reference, used once.

A request is used up when its code is issued (`codes.issue`), not when it is first shown: a page may be loaded again,
and the user may have to log in meanwhile (RFC 9126 section 4).
"""

import hashlib
import re
from collections.abc import Iterable

from lingpai.authorization.model import PushedRequest
from lingpai.authorization.storage import PutPushedRequest
from lingpai.clients.model import Client
from lingpai.kernel import base64url
from lingpai.kernel.errors import invalid_request_uri
from lingpai.services import Services

# RFC 9126 section 2.2.
URN = "urn:ietf:params:oauth:request_uri:"
# Long enough for a user to log in with a message that comes late.
LIFETIME = 600

_SHAPE = re.compile(f"{URN}({base64url.SHAPE_32})")


def push(services: Services, client: Client, pairs: Iterable[tuple[str, str]]) -> str:
    """Keep the client's request, which was checked, for LIFETIME seconds; gives its `request_uri`. One call."""
    reference = services.clock.new_secret()
    expires_at = services.clock.now() + LIFETIME
    services.store.commit(PutPushedRequest(PushedRequest(_digest(reference), client.id, tuple(pairs), expires_at)))
    return URN + base64url.encode(reference)


def find(services: Services, client: Client, request_uri: str) -> PushedRequest:
    """The client's pushed request. One call; LingpaiError for one that is unknown, used, expired or another's."""
    found = _SHAPE.fullmatch(request_uri)
    pushed = services.store.get_pushed_request(_digest(base64url.decode(found[1]))) if found else None
    if pushed is None or pushed.client_id != client.id or pushed.expires_at <= services.clock.now():
        raise invalid_request_uri()
    return pushed


def _digest(reference: bytes) -> bytes:
    return hashlib.sha256(b"pushed request" + reference).digest()
