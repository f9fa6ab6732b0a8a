"""Logging in by a third party's word."""

from lingpai import bootstrap, priming
from lingpai.http.oauth_error import oauth
from lingpai.oauth import token_endpoint as token

ROUTES = (oauth("/sign/token", token.sign_token),)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
