"""All accounts of a store as records."""

from collections.abc import Callable, Iterator
from typing import Any

from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.service import users_after
from lingpai.services import Services
from local.transfer import records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency


def accounts(
    services: Services,
    book: RoleBook,
    concurrency: AdaptiveConcurrency,
    on_account: Callable[[User], object] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """The record of every account, hashes included, but without second factors; `on_account` is told each account.

    Accounts registered or changed meanwhile may be in it or not; none that was there before is left out. Raises the
    LingpaiError `temporarily_unavailable` when the store gives nothing for a minute.
    """
    read = services.store.list_users
    users = users_after(lambda limit, after: concurrency.run(lambda: read(limit, after)), None)
    for user in users:
        on_account(user)
        yield records.written(user, book)
