"""Authorization codes: issued to a browser, redeemed by the client (RFC 6749 section 4.1).

A code is 32 random bytes; the store keeps its digest. What it is good for is settled when it is issued. Redeeming it
derives the tokens from the code, the PKCE verifier and a salt that the store keeps, so that a repeated request gets the
same answer: nobody who has read the code in a log, or the store alone, can derive them
(docs/decisions/0028-code-redemption.md).
"""

import hashlib
import hmac
import re
from dataclasses import replace

from lingpai.accounts import session_limit
from lingpai.accounts.storage import CheckUser
from lingpai.authentication import one_factor
from lingpai.authorization.model import AuthorizationCode, AuthorizationRequest, Login
from lingpai.authorization.request import refusal
from lingpai.authorization.storage import PutAuthorizationCode, UseAuthorizationCode, UsePushedRequest
from lingpai.clients import resources
from lingpai.clients.model import Client
from lingpai.consents import service as consents
from lingpai.kernel import base64url, cause
from lingpai.kernel.errors import CODE_REUSED, invalid_grant, invalid_request_uri
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions import session_id, token_family
from lingpai.sessions.model import SessionKey, TokenSet
from lingpai.sessions.storage import CheckSession, EndSession

# In seconds (RFC 6749 section 4.1.2: ten minutes at most).
LIFETIME = 60
RETRY = 30

# RFC 7636 section 4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def issue(services: Services, client: Client, request: AuthorizationRequest, login: Login, *writes: Write) -> str:
    """A code for the client, good for LIFETIME seconds, committed together with `writes`. One call.

    A pushed request is used up by it: AuthorizationError `invalid_request_uri` where it was used before. Conflict for
    the `writes`.
    """
    code, issued = prepared(services, client, request, login)
    try:
        services.store.commit(*issued, *writes)
    except Conflict as conflict:
        if isinstance(conflict.write, UsePushedRequest):
            raise refusal(request, invalid_request_uri()) from None
        raise
    return code


def prepared(
    services: Services, client: Client, request: AuthorizationRequest, login: Login
) -> tuple[str, tuple[Write, ...]]:
    """A code for the client, good for LIFETIME seconds, and the writes that issue it: they use up a pushed request."""
    clock, secret = services.clock, services.clock.new_secret()
    code = AuthorizationCode(
        digest=digest(secret),
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
        jkt=request.jkt,
    )
    used = () if request.pushed is None else (UsePushedRequest(request.pushed),)
    return base64url.encode(secret), (PutAuthorizationCode(code), *used)


def redeem(
    services: Services,
    client: Client,
    text: str,
    redirect_uri: str,
    verifier: str,
    resource: tuple[str, ...] = (),
    jkt: str | None = None,
) -> TokenSet:
    """The tokens for a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). Two calls.

    The same request may be repeated for RETRY seconds, because an answer may be lost. After that it is a second use,
    which ends the session (RFC 6749 section 4.1.2). LingpaiError `invalid_grant` for that, and for a code that is
    unknown, expired, or of a client whose consent the user has revoked, or whose login has one factor while the account
    has a second one by now. So it is for another client, redirect URI, verifier or, where the code needs one, key,
    which changes nothing.

    `jkt` is the key of the request's DPoP proof, to which the tokens are bound.
    """
    secret = base64url.decode_32(text)
    code = services.store.get_authorization_code(digest(secret)) if secret else None
    if secret is None or code is None or not _is_bound_to(code, client, redirect_uri, verifier, jkt):
        raise invalid_grant("bad_authorization_code")
    if code.used_at:
        return _again(services, client, code, secret, verifier, jkt)
    now = services.clock.now()
    if code.expires_at <= now or not _is_current(services, client, code):
        raise invalid_grant("bad_authorization_code")
    secrets = _secrets(code, secret, verifier, now)
    session = replace(
        sessions.first_session(client, code.scope, secrets, now),
        methods=code.login.methods,
        auth_time=code.login.auth_time,
        audience=code.resource,
        access_audience=resources.narrowed(client, code.resource, resource),
        sid=None if code.login.once else code.login.sid or session_id.of(code.login.session),
        jkt=jkt,
    )
    new = sessions.prepared(services, client, session, secrets, code.nonce)
    # A consent that was revoked since then takes its codes with it.
    consented = client.id if consents.missing_scopes(client, code.scope, {}) else None
    account = CheckUser(code.login.user_id, consented=consented)
    login = EndSession(code.login.session, must_exist=True) if code.login.once else CheckSession(code.login.session)
    checks = (login, *one_factor.guarded(services, session.methods, (account,), client))
    try:
        session_limit.commit(services, new.put, (UseAuthorizationCode(code.digest, now), *checks))
    except Conflict as conflict:
        one_factor.raise_if_refused(services, conflict)
        # Another request was faster with the same code, or the login has ended.
        code = services.store.get_authorization_code(code.digest)
        if code is None or not code.used_at:
            raise invalid_grant("bad_authorization_code") from None
        return _again(services, client, code, secret, verifier, jkt)
    return new.tokens


def _again(
    services: Services, client: Client, code: AuthorizationCode, secret: bytes, verifier: str, jkt: str | None
) -> TokenSet:
    """The first answer to a code once more; after RETRY seconds the end of its session."""
    if services.clock.now() > code.used_at + RETRY:
        with cause.because("reuse_found"):
            sessions.end(services.store, code.opens)
        raise invalid_grant("bad_authorization_code", detail=CODE_REUSED)
    secrets = _secrets(code, secret, verifier, code.used_at)
    session = services.store.get_session(code.opens)
    # One that was refreshed since has had its answer.
    if session is None or not token_family.is_hash(token_family.digest(secrets.refresh), session.refresh_hash):
        raise invalid_grant("bad_authorization_code")
    if session.jkt != jkt:
        raise invalid_grant("bad_authorization_code")
    session = replace(session, created_at=code.used_at)
    return sessions.first_tokens(services, client, session, secrets, code.nonce)


def _is_bound_to(code: AuthorizationCode, client: Client, redirect_uri: str, verifier: str, jkt: str | None) -> bool:
    """Whether the client may use the code: it was issued to it, for this address, and it knows the verifier.

    Where the authorization request named a key, it also has that (RFC 9449 section 10).
    """
    if not _VERIFIER.fullmatch(verifier):
        return False
    challenge = base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest())
    right = hmac.compare_digest(challenge.encode(), code.code_challenge.encode())
    return right and code.jkt in (None, jkt) and code.client_id == client.id and code.redirect_uri == redirect_uri


def _is_current(services: Services, client: Client, code: AuthorizationCode) -> bool:
    """Whether neither the client nor the account has ended what was issued by then (`epochs`)."""
    login = code.login
    return code.epoch >= client.valid_from and not services.clients.has_ended(login.session, login.opened_at)


def _secrets(code: AuthorizationCode, secret: bytes, verifier: str, now: int) -> sessions.Secrets:
    """The secrets of the session that the code opens at `now`."""
    base = hmac.digest(secret, code.salt + verifier.encode("ascii"), "sha256")
    refresh = token_family.first_secret(hmac.digest(base, b"refresh", "sha256"), now)
    return sessions.Secrets(code.opens, hmac.digest(base, b"access", "sha256"), refresh)


def digest(secret: bytes) -> bytes:
    """What the store keeps of a code."""
    return hashlib.sha256(b"authorization code" + secret).digest()
