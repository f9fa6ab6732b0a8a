"""Authorization codes: issued to a browser, redeemed by the client (RFC 6749 section 4.1).

A code is 32 random bytes; the store keeps its digest. What it is good for is settled when it is issued. Redeeming it
derives the tokens from the code, the PKCE verifier and a salt that the store keeps, so that a repeated request gets the
same answer: nobody who has read the code in a log, or the store alone, can derive them.
"""

import hashlib
import re

from lingpai.authorization.model import AuthorizationCode, AuthorizationRequest, Login
from lingpai.authorization.request import refusal
from lingpai.authorization.storage import PutAuthorizationCode, UsePushedRequest
from lingpai.clients.model import Client
from lingpai.kernel import base64url
from lingpai.kernel.errors import invalid_request_uri
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions.model import SessionKey

# In seconds (RFC 6749 section 4.1.2: ten minutes at most).
LIFETIME = 60

_SHAPE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def issue(services: Services, client: Client, request: AuthorizationRequest, login: Login, *writes: Write) -> str:
    """A code for the client, good for LIFETIME seconds, committed together with `writes`. One call.

    A pushed request is used up by it: AuthorizationError `invalid_request_uri` where it was used before. Conflict for
    the `writes`.
    """
    clock, secret = services.clock, services.clock.new_secret()
    code = AuthorizationCode(
        digest=_digest(secret),
        client_id=client.id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        scope=request.scope,
        resource=request.resource,
        nonce=request.nonce,
        login=login,
        opens=SessionKey(login.user_id, clock.new_session_id()),
        salt=clock.new_secret(),
        expires_at=clock.now() + LIFETIME,
        epoch=client.valid_from,
    )
    used = () if request.pushed is None else (UsePushedRequest(request.pushed),)
    try:
        services.store.commit(PutAuthorizationCode(code), *used, *writes)
    except Conflict as conflict:
        if isinstance(conflict.write, UsePushedRequest):
            raise refusal(request, invalid_request_uri()) from None
        raise
    return base64url.encode(secret)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(b"authorization code" + secret).digest()
