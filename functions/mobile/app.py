"""Codes sent to mobile numbers, and logging in with them."""

from lingpai.http.app import gate, oauth, seed
from lingpai.oauth import token_endpoint as token
from lingpai.sms_codes import routes as code

ROUTES = (
    seed("/mobile/code/get", code.get),
    seed("/mobile/code/verify", code.verify),
    oauth("/mobile/token", token.mobile_token),
)

handler = gate(*ROUTES)
