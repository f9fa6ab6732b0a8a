"""The calls of the SDK class UserCenter (seed 002): HTTP 200 always, `status` 1 or 0 in the body."""

from collections.abc import Mapping

from lingpai.accounts.caller import caller_of, require_user, token_of
from lingpai.accounts.routes import shown
from lingpai.clients import authentication
from lingpai.clients.request_authentication import client_credentials
from lingpai.http import observability
from lingpai.http.request import CLIENT, Request, parameters
from lingpai.http.response import Reply
from lingpai.kernel.errors import invalid_client, invalid_grant, invalid_request
from lingpai.legacy import usercenter
from lingpai.oauth import grants
from lingpai.services import Services
from lingpai.sessions import access_tokens
from lingpai.sessions import service as sessions

_ACCESS_TOKEN = ("accessToken", "access_token", "accesstoken")
_REFRESH_TOKEN = ("refresh_token", "refreshToken")


def check_token(services: Services, request: Request) -> Reply:
    """Whether the access token is good; `result` says so in words."""
    access_tokens.check(services, _access_token(request))
    return usercenter.done(request, result="success")


def user_by_token(services: Services, request: Request) -> Reply:
    """The user of the access token: JSON text in `user`, the same as an object in `data`."""
    caller = caller_of(services, access_tokens.check(services, _access_token(request)))
    user = shown(services, require_user(caller), caller.book)
    return usercenter.done(request, user=usercenter.as_text(user), data=user)


def destroy_token(services: Services, request: Request) -> Reply:
    """End the whole family of the access token. An unknown token is a success, an empty one is not."""
    access_tokens.revoke(services, _access_token(request), None)
    return usercenter.done(request, result="success")


def refresh_token(services: Services, request: Request) -> Reply:
    """New tokens for a refresh token, which names its client by itself; a client with a secret must present it."""
    given = parameters(request, CLIENT.union(_REFRESH_TOKEN))
    token = _first(given, _REFRESH_TOKEN)
    if token is None:
        raise invalid_request("missing_parameter", name=_REFRESH_TOKEN[0])
    credentials = client_credentials(request, given)
    if credentials is not None:
        client = authentication.authenticate(services, credentials, request.source_ip)
    else:
        client_id = sessions.client_of(services.store, token)
        known = services.clients.get_client(client_id) if client_id else None
        if known is None:
            raise invalid_grant("bad_refresh_token")
        if known.confidential or known.disabled:
            raise invalid_client()
        client = known
    with observability.log_client(client):
        tokens = grants.run(services, client, "refresh_token", {"refresh_token": token}, request.source_ip)
    reply = usercenter.success(tokens, request)
    return reply.about(client.id, "refresh_token", client.dialect)


def temporary_token(services: Services, request: Request) -> Reply:
    """A token of five minutes for the access token; it dies with it, and nothing can be had for it."""
    return usercenter.done(request, result=access_tokens.temporary(services, _access_token(request)))


def _access_token(request: Request) -> str:
    """The token by any of its names, or in the Authorization header."""
    token = _first(parameters(request, _ACCESS_TOKEN), _ACCESS_TOKEN) or token_of(request)
    if token is None:
        raise invalid_request("missing_parameter", name=_ACCESS_TOKEN[0])
    return token


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((given[name] for name in names if name in given), None)


ROUTES = (
    usercenter.user_center("/user/checkOauthToken", check_token),
    usercenter.user_center("/user/getUserByToken", user_by_token),
    usercenter.user_center("/oauth/destoryToken", destroy_token),
    usercenter.user_center("/oauth/destroyToken", destroy_token),
    usercenter.user_center("/oauth/refreshAccessToken", refresh_token),
    usercenter.user_center("/oauth/getTempToken", temporary_token),
)
