"""Client authentication, with a limit for wrong secrets by address.

An address and its network may send a limited number of wrong secrets an hour, for all clients together. Each is
counted before it is answered. A right one is not counted and takes no call, so the count is not read for it. Instead, a
process that saw the limit reached refuses all tries of this address for this client, right ones too, until the hour
is over. Other clients behind the same address go on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lingpai.clients import service as clients
from lingpai.clients.model import Client, WaitingClient
from lingpai.clients.service import Credentials
from lingpai.kernel.errors import LingpaiError, too_many_requests
from lingpai.rate_limits import service as rate_limits
from lingpai.services import Services


def authenticate(services: Services, credentials: Credentials | None, address: str) -> Client:
    """The client that the credentials prove; LingpaiError `invalid_client` for any other, and for none.

    LingpaiError 429 where wrong secrets have come from this address too often. The answer, and the work for it, are the
    same for a client that is not known.
    """
    if credentials is None or not credentials.secret:
        return clients.authenticate(services.clients, credentials)
    mark = rate_limits.address_mark(f"client:{clients.form_decoded(credentials.client_id)}", address)
    with _counted(services, mark, address):
        return clients.authenticate(services.clients, credentials)


@contextmanager
def _counted(services: Services, mark: str, address: str) -> Iterator[None]:
    """Count a refusal within the block; LingpaiError 429 where it is one too many, or `mark` has to wait."""
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
