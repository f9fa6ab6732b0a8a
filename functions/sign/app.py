"""Logging in by a third party's word."""

from lingpai.http.app import gate, oauth
from lingpai.oauth import token_endpoint as token

ROUTES = (oauth("/sign/token", token.sign_token),)

handler = gate(*ROUTES)
