"""`/oauth/challenge`: the authorization challenge endpoint (draft-ietf-oauth-first-party-apps section 4.1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lingpai.authorization import prompts, pushed_requests
from lingpai.authorization.model import AuthorizationRequest
from lingpai.authorization.request import PARAMETERS, check_of_app, pairs_of, read_of_app
from lingpai.authorization_challenge import steps
from lingpai.authorization_challenge.model import Attempt, Insufficient, Issued, Outcome, RedirectToWeb
from lingpai.browser_sessions import devices
from lingpai.clients.model import CHALLENGE, Client
from lingpai.clients.request_authentication import authenticated_client, end_user_address
from lingpai.dpop import nonces
from lingpai.dpop import service as dpop
from lingpai.http import observability
from lingpai.http.oauth_error import oauth, oauth_error
from lingpai.http.request import CLIENT, Request, parameters
from lingpai.http.response import Reply, json_reply
from lingpai.kernel import base64url
from lingpai.kernel.errors import (
    LingpaiError,
    invalid_dpop_proof,
    invalid_request,
    invalid_session,
    login_required,
    unauthorized_client,
    unmet_authentication_requirements,
)
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import AppRequest, PendingLogin
from lingpai.services import Services

_KNOWN = CLIENT | PARAMETERS | steps.PARAMETERS | {"auth_session"}


def challenge(services: Services, request: Request) -> Reply:
    """Take one step of a login in an app: the code at its end, or what has to be proven next (section 5.2)."""
    given = parameters(request, _KNOWN)
    login = _pending_login(services, given.get("auth_session"))
    if login is not None and login.app is not None and "authorization" not in request.headers:
        # Section 5.1: the session may stand for the client's id. A client that has a secret still proves it.
        given.setdefault("client_id", login.app.client_id)
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        if not (client.first_party and CHALLENGE in client.grants):
            raise unauthorized_client(CHALLENGE)
        jkt = dpop.proven_key(services, request)
        if client.dpop_bound_access_tokens and jkt is None:
            raise invalid_dpop_proof("dpop_required")
        reply = _answer(steps.take(services, _attempt(services, request, client, given, login, jkt)))
    if jkt is not None and services.settings.dpop_nonce:
        reply = replace(reply, headers={**reply.headers, "DPoP-Nonce": nonces.current(services)})
    return reply.about(client.id, CHALLENGE, error=reply.error)


def _pending_login(services: Services, auth_session: str | None) -> PendingLogin | None:
    """The login that the session finds; None without a session, LingpaiError for one that finds none."""
    if auth_session is None:
        return None
    secret = base64url.decode_32(auth_session)
    login = pending_logins.find(services, secret, of_app=True) if secret else None
    if login is None:
        raise invalid_session()
    return login


def _attempt(
    services: Services,
    request: Request,
    client: Client,
    given: Mapping[str, str],
    login: PendingLogin | None,
    jkt: str | None,
) -> Attempt:
    if login is None or login.app is None:
        asked, app = _first_request(services, client, given, jkt)
    else:
        app = login.app
        # Section 9.6.1: the key that was proven first is proven by each request that follows.
        if app.client_id != client.id or app.jkt != jkt:
            raise invalid_session()
        asked = check_of_app(services, client, app.parameters)
        asked = replace(asked, pushed=app.pushed)
    address = end_user_address(request, client)
    return Attempt(
        client=client,
        asked=asked,
        app=app,
        given=given,
        login=login,
        address=address or request.source_ip,
        forwarded=address is not None,
        language=request.language,
        device=devices.device(request.headers.get("user-agent", "")),
    )


def _first_request(
    services: Services, client: Client, given: Mapping[str, str], jkt: str | None
) -> tuple[AuthorizationRequest, AppRequest]:
    """The authorization request, and what is kept of it. LingpaiError for what no step can fulfil."""
    parameters, asked = read_of_app(services, client, pairs_of(client, given, jkt))
    if asked.jkt is not None and jkt not in (None, asked.jkt):
        raise invalid_request("wrong_dpop_jkt")
    if "none" in asked.prompt:
        raise login_required()
    if services.settings.mfa == "off" and prompts.asks_for_two(asked, are_there=False):
        raise unmet_authentication_requirements()
    if asked.jkt is None and jkt is not None:
        # That of a pushed request which named no key: what is sent ahead for a browser is bound to it as well.
        parameters = (*parameters, ("dpop_jkt", jkt))
        asked = replace(asked, jkt=jkt)
    return asked, AppRequest(client.id, parameters, asked.pushed, jkt)


def _answer(outcome: Outcome) -> Reply:
    match outcome:
        case Issued(code=code):
            return json_reply(200, {"authorization_code": code})
        case Insufficient():
            more: dict[str, Any] = {"next": list(outcome.next), **outcome.more}
            if outcome.auth_session is not None:
                more |= {
                    "auth_session": base64url.encode(outcome.auth_session),
                    "auth_session_expires_in": pending_logins.LIFETIME,
                }
            return oauth_error(LingpaiError("insufficient_authorization", 403, outcome.reason), more=more)
        case RedirectToWeb(request_uri=uri, reason=reason):
            # Section 5.2.2: `expires_in` is the life of `request_uri`.
            pushed = {} if uri is None else {"request_uri": uri, "expires_in": pushed_requests.LIFETIME}
            return oauth_error(LingpaiError("redirect_to_web", 403, reason), more=pushed)


ROUTES = (oauth("/oauth/challenge", challenge),)
