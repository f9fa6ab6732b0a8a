"""Resources (RFC 8707): the APIs that a client asks for tokens for, which become the tokens' `aud`."""

from collections.abc import Collection

from lingpai.clients.model import Client
from lingpai.kernel.errors import invalid_target


def granted(client: Client, asked: Collection[str]) -> tuple[str, ...]:
    """What was asked for, in order, each once; LingpaiError `invalid_target` for one that is not the record's.

    A client without `resources` has no use for the parameter: it is ignored.
    """
    if not client.resources:
        return ()
    found = tuple(dict.fromkeys(filter(None, asked)))
    if not set(found) <= set(client.resources):
        raise invalid_target()
    return found


def narrowed(client: Client, held: tuple[str, ...], asked: Collection[str]) -> tuple[str, ...]:
    """What a token of a session that holds these is for: those asked for, or all (RFC 8707 section 2.2)."""
    found = granted(client, asked)
    if not set(found) <= set(held):
        raise invalid_target()
    return found or held
