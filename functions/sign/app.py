"""Logging in by a third party's word."""

from lingpai import bootstrap, priming
from lingpai.oauth import token_endpoint

ROUTES = token_endpoint.SIGN_ROUTES  # /sign/token

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
