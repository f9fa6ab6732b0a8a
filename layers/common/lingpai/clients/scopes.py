"""Scopes (RFC 6749 section 3.3): parse those of a request, and check them against the client's."""

import re
from collections.abc import Mapping

from lingpai.clients.model import Client, Right
from lingpai.kernel.errors import invalid_scope

# The scopes that give the tokens of `standard` clients a right at Lingpai's own API.
API_SCOPES: Mapping[str, Right] = {"lingpai:account": "account", "lingpai:admin": "admin"}

# More than any client has. Each is a condition of one write, and DynamoDB limits the length of those.
_MOST = 64
# Scope tokens, and the spaces between them.
_SCOPE_TOKENS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e\s]+")


def requested(text: str | None) -> tuple[str, ...] | None:
    """The scope tokens of a request in their order, without repeats; None if it requests none."""
    if text is None or not text.strip(" "):
        return None
    tokens = tuple(dict.fromkeys(text.split()))
    if len(tokens) > _MOST or not _SCOPE_TOKENS.fullmatch(text):
        raise invalid_scope()
    return tokens


def wanted(client: Client, text: str | None) -> tuple[str, ...] | None:
    """As `requested`. The `*` of a Passport client means all scopes of its record, as in Laravel's example."""
    tokens = requested(text)
    return None if client.dialect == "passport" and tokens == ("*",) else tokens


def granted(client: Client, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The requested scopes, which the client must have; if none are requested, all that it has.

    The scopes for Lingpai's own API are granted only if they are requested by name.
    """
    if asked is None:
        return tuple(scope for scope in client.scopes if scope not in API_SCOPES)
    if not set(asked) <= set(client.scopes):
        raise invalid_scope()
    return asked
