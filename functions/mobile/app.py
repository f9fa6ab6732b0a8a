"""Codes sent to mobile numbers, and logging in with them."""

from lingpai import bootstrap, priming
from lingpai.http.envelope import legacy_json
from lingpai.http.oauth_error import oauth
from lingpai.oauth import token_endpoint as token
from lingpai.sms_codes import routes as code

ROUTES = (
    legacy_json("/mobile/code/get", code.get),
    legacy_json("/mobile/code/verify", code.verify),
    oauth("/mobile/token", token.mobile_token),
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
