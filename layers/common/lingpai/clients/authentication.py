"""Client authentication, with a limit for wrong secrets by address.

An address and its network may send a limited number of wrong secrets an hour, for all clients together. Each is counted
before it is answered. A correct secret costs no call, so the counter is not read for it. Instead, a process that has
seen the limit reached refuses all tries of this address for this client, correct ones too, until the hour is over.
Other clients behind the same address are not affected.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lingpai.clients import service as clients
from lingpai.clients.model import Client, WaitingClient
from lingpai.clients.service import Credentials
from lingpai.kernel import cause
from lingpai.kernel.errors import LingpaiError, too_many_requests
from lingpai.rate_limits import service as rate_limits
from lingpai.services import Services


def authenticate(services: Services, credentials: Credentials | None, address: str) -> Client:
    """The client with these credentials; LingpaiError `invalid_client` if they are wrong or None.

    LingpaiError 429 after too many wrong secrets from this address. An unknown client gets the same answer after the
    same work.
    """
    if credentials is None or not credentials.secret:
        client = clients.authenticate(services.clients, credentials)
    else:
        mark = rate_limits.address_mark(f"client:{clients.form_decoded(credentials.client_id)}", address)
        with _counted(services, mark, address):
            client = clients.authenticate(services.clients, credentials)
    cause.note(client=client.id)
    return client


@contextmanager
def _counted(services: Services, mark: str, address: str) -> Iterator[None]:
    """Count an `invalid_client` within the block; LingpaiError 429 once the limit is reached."""
    now = services.clock.now()
    waiting = services.waiting_clients.get(mark)
    if waiting is not None and now < waiting.ends_at:
        raise _too_many(waiting, now)
    try:
        yield
    except LingpaiError as error:
        if error.code != "invalid_client":
            raise
        limit = rate_limits.address_limit(services.settings, "client", address, now)
        if limit is None or services.store.increment(limit.key, limit.counts, limit.ttl).done:
            raise
        waiting = WaitingClient(limit.ends_at, error.dialect)
        _remember(services, mark, waiting)
        raise _too_many(waiting, now) from None


def _remember(services: Services, mark: str, waiting: WaitingClient) -> None:
    known = services.waiting_clients
    if len(known) >= clients.CACHE_SIZE:
        known.pop(next(iter(known)), None)
    known[mark] = waiting


def _too_many(waiting: WaitingClient, now: int) -> LingpaiError:
    refusal = too_many_requests("slow_down", retry_after=max(1, waiting.ends_at - now))
    refusal.dialect = waiting.dialect
    return refusal
