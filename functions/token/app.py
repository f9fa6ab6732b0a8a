"""Tokens: issued, refreshed, introspected, revoked; the keys that verify them; and whether the service is well."""

from lingpai import bootstrap, priming
from lingpai.api_docs import routes as api_docs
from lingpai.authorization import routes as authorization
from lingpai.legacy import usercenter_routes
from lingpai.oauth import routes as oauth
from lingpai.oauth import token_endpoint, user_info

ROUTES = (
    *token_endpoint.TOKEN_ROUTES,  # /oauth/token and /o/token, also with a slash at the end
    *authorization.ROUTES,  # /oauth/par
    *user_info.ROUTES,  # /oauth/userinfo
    *oauth.ROUTES,  # /oauth/introspect, /oauth/revoke, /.well-known/*, /health
    *api_docs.ROUTES,  # /openapi.json, /docs
    *usercenter_routes.ROUTES,  # the calls of the SDK class UserCenter: /user/*, /oauth/*Token
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
