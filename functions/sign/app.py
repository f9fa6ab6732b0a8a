"""Logging in by a third party's word."""

from lingpai.web.app import gate, oauth
from lingpai.web.endpoints import token

handler = gate(
    oauth("/sign/token", token.sign_token),
)
