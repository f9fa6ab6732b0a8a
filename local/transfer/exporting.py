"""All accounts of the store as records, page by page."""

import functools
from collections.abc import Iterator
from typing import Any

from lingpai.model import RoleBook
from lingpai.ports import Services
from local.transfer import records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency

_PAGE = 500


def accounts(services: Services, book: RoleBook, concurrency: AdaptiveConcurrency) -> Iterator[dict[str, Any]]:
    """The record of every account, hashes included.

    What is registered or changed meanwhile may be in it or not; nobody who was there before is left out. Raises the
    LingpaiError `temporarily_unavailable` when the store gives nothing for a minute.
    """
    after: int | None = None
    while True:
        page = concurrency.run(functools.partial(services.store.list_users, _PAGE, after))
        yield from (records.written(user, book) for user in page.users)
        if page.next is None:
            return
        after = page.next
