"""Codes sent to mobile numbers, and logging in with them."""

from lingpai.web.app import gate, oauth, seed
from lingpai.web.endpoints import code, token

ROUTES = (
    seed("/mobile/code/get", code.get),
    seed("/mobile/code/verify", code.verify),
    oauth("/mobile/token", token.mobile_token),
)

handler = gate(*ROUTES)
