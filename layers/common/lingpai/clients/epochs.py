"""Epochs: what was issued before a client, or the whole deployment, moved its `valid_from` is refused.

A session keeps the `valid_from` that it was opened under, as its epoch, and so does a signed token that stands alone.
Both are compared with the record that a function has in memory (CLIENT_CACHE_TTL), so that no call is added. The epoch,
and not the time of issue, is compared: a function that has not read the moved record yet issues nothing that outlives
the move, and no clock matters.
"""

from typing import TYPE_CHECKING

from lingpai.clients.model import Client
from lingpai.clients.storage import ClientWriter, KnownClients

if TYPE_CHECKING:
    from lingpai.sessions.model import Session


def is_current(clients: KnownClients, session: "Session") -> bool:
    """Whether neither the session's client nor its account has ended it since; False where the client is gone."""
    client = clients.get_client(session.client_id)
    return client is not None and is_valid(clients, session, client)


def is_valid(clients: KnownClients, session: "Session", client: Client) -> bool:
    """As `is_current`, where the record of the session's client was read for this request already."""
    return session.epoch >= client.valid_from and not clients.has_ended(session.key, session.created_at)


def moved(now: int, *present: int) -> int:
    """The next `valid_from`: the time `now`, but later than each of the `present` ones."""
    return max(now, *(epoch + 1 for epoch in present))


def next_of(writer: ClientWriter, client: Client, now: int) -> int:
    """The `valid_from` that ends all that was issued to the client so far, under the deployment's too. One call."""
    return moved(now, client.valid_from, writer.get_valid_from())
