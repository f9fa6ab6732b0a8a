"""Codes sent to mobile numbers, and logging in with them."""

from lingpai import bootstrap, priming
from lingpai.oauth import token_endpoint
from lingpai.sms_codes import routes as sms_codes

ROUTES = (
    *sms_codes.ROUTES,  # /mobile/code/*
    *token_endpoint.MOBILE_ROUTES,  # /mobile/token
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
