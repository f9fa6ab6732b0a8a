"""Epochs: what was issued before a client, or the whole deployment, moved its `valid_from` is refused.

A session keeps the `valid_from` that it was opened under, as its epoch, and so does a signed token that stands alone.
Both are compared with the record that a function has in memory (CLIENT_CACHE_TTL), so that no call is added. The epoch,
and not the time of issue, is compared: a function that has not read the moved record yet issues nothing that outlives
the move, and no clock matters.
"""

from lingpai.model import Client, Session
from lingpai.ports import Clients, ClientWriter


def is_current(clients: Clients, session: Session) -> bool:
    """Whether the session was opened under its client's present `valid_from`; False where the client is gone."""
    client = clients.get_client(session.client_id)
    return client is not None and session.epoch >= client.valid_from


def moved(now: int, *present: int) -> int:
    """The next `valid_from`: the time `now`, but later than each of the `present` ones."""
    return max(now, *(epoch + 1 for epoch in present))


def next_of(writer: ClientWriter, client: Client, now: int) -> int:
    """The `valid_from` that ends all that was issued to the client so far, under the deployment's too. One call."""
    return moved(now, client.valid_from, writer.get_valid_from())
