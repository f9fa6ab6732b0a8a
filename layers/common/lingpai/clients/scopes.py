"""Scopes (RFC 6749 section 3.3): read from a request, and held against what a client may have."""

import re
from collections.abc import Mapping

from lingpai.clients.model import Client, Right
from lingpai.kernel.errors import invalid_scope

# What opens Lingpai's own API to the tokens of `standard` clients.
API_SCOPES: Mapping[str, Right] = {"lingpai:account": "account", "lingpai:admin": "admin"}

# More than any client has; each becomes a condition of one write, and a store takes only so many.
_MOST = 64
# Scope tokens, and what the text is split at.
_SCOPE_TOKENS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e\s]+")


def requested(text: str | None) -> tuple[str, ...] | None:
    """The scope tokens of a request in their order, each once; None where it asks for none in particular."""
    if text is None or not text.strip(" "):
        return None
    tokens = tuple(dict.fromkeys(text.split()))
    if len(tokens) > _MOST or not _SCOPE_TOKENS.fullmatch(text):
        raise invalid_scope()
    return tokens


def wanted(client: Client, text: str | None) -> tuple[str, ...] | None:
    """As `requested`. The `*` of a Passport client means what its record has, as in Laravel's own example."""
    tokens = requested(text)
    return None if client.dialect == "passport" and tokens == ("*",) else tokens


def granted(client: Client, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """What was asked for, all of which the client must have; without a wish, all that it has.

    The scopes that open Lingpai's own API are given only where they are asked for by name.
    """
    if asked is None:
        return tuple(scope for scope in client.scopes if scope not in API_SCOPES)
    if not set(asked) <= set(client.scopes):
        raise invalid_scope()
    return asked
