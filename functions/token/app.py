"""Tokens: issued, refreshed, introspected, revoked; the keys that verify them; and whether the service is well."""

from lingpai import bootstrap, priming
from lingpai.http.oauth_error import oauth
from lingpai.legacy import usercenter_routes as usercenter
from lingpai.legacy.usercenter import user_center
from lingpai.oauth import routes as standards
from lingpai.oauth import token_endpoint as token

ROUTES = (
    oauth("/oauth/token", token.oauth_token),
    oauth("/oauth/token/", token.oauth_token),
    oauth("/o/token", token.oauth_token),
    oauth("/o/token/", token.oauth_token),
    oauth("/oauth/introspect", standards.introspect),
    oauth("/oauth/revoke", standards.revoke),
    oauth("/.well-known/oauth-authorization-server", standards.metadata, methods=("GET",)),
    oauth("/.well-known/jwks.json", standards.jwks, methods=("GET",)),
    oauth("/health", standards.health, methods=("GET",)),
    user_center("/user/checkOauthToken", usercenter.check_token),
    user_center("/user/getUserByToken", usercenter.user_by_token),
    user_center("/oauth/destoryToken", usercenter.destroy_token),
    user_center("/oauth/destroyToken", usercenter.destroy_token),
    user_center("/oauth/refreshAccessToken", usercenter.refresh_token),
    user_center("/oauth/getTempToken", usercenter.temporary_token),
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
