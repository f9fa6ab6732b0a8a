"""Logging in by a third party's word."""

from lingpai.web.app import gate, oauth
from lingpai.web.endpoints import token

ROUTES = (oauth("/sign/token", token.sign_token),)

handler = gate(*ROUTES)
