"""Refreshing (RFC 6749 section 6): new tokens for a refresh token, which works once."""

from collections.abc import Mapping

from lingpai import sessions
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "refresh_token"
REQUIRED = ("refresh_token",)


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for `refresh_token`; `scope` may narrow what the session was granted."""
    return sessions.refresh(services, client, parameters["refresh_token"], scope)
