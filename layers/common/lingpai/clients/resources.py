"""Resources (RFC 8707): the APIs for which a client requests tokens. They become the tokens' `aud`."""

from collections.abc import Collection

from lingpai.clients.model import Client
from lingpai.kernel.errors import invalid_target


def granted(client: Client, asked: Collection[str]) -> tuple[str, ...]:
    """The requested resources in order, without repeats; LingpaiError `invalid_target` if the client may not have one.

    For a client without `resources` the parameter is ignored.
    """
    if not client.resources:
        return ()
    found = tuple(dict.fromkeys(filter(None, asked)))
    if not set(found) <= set(client.resources):
        raise invalid_target()
    return found


def narrowed(client: Client, held: tuple[str, ...], asked: Collection[str]) -> tuple[str, ...]:
    """The audience of a token whose session has the resources `held`: the requested ones, or all (section 2.2)."""
    found = granted(client, asked)
    if not set(found) <= set(held):
        raise invalid_target()
    return found or held
