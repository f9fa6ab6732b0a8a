"""The store interface of client records."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lingpai.clients.model import Client, EndedAccount
from lingpai.kernel.writes import Write

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey


@dataclass(frozen=True)
class SaveEnded(Write):
    """The deployment's list of ended accounts `before` becomes `after`. Fails if it has changed since."""

    before: tuple[EndedAccount, ...]
    after: tuple[EndedAccount, ...]


class Clients(Protocol):
    """The clients' records."""

    def get_client(self, client_id: str) -> Client | None:
        """The client's record, or None."""
        ...


class KnownClients(Clients, Protocol):
    """The clients' records as a function keeps them, with the deployment's."""

    def valid_from(self) -> int:
        """The deployment's `valid_from`."""
        ...

    def has_ended(self, key: "SessionKey", opened_at: int) -> bool:
        """Whether the session has ended with all others of its account, by the deployment's record as last read."""
        ...

    def ended_account(self, user_id: int) -> EndedAccount | None:
        """The entry of this account in the deployment's record, as last read."""
        ...


@dataclass(frozen=True)
class ClientLookup:
    """A client's record, None for none, and the deployment's `valid_from` and ended accounts, read at one time.

    `ended` is None where nothing was read.
    """

    client: Client | None
    valid_from: int
    ended: tuple[EndedAccount, ...] | None = ()


@dataclass(frozen=True)
class ClientPage:
    """Some records, in an order that holds; `next` is where the next page starts, None after the last."""

    clients: tuple[Client, ...]
    next: str | None


class ClientSource(Clients, Protocol):
    """The clients' records as a store has them."""

    def look_up_client(self, client_id: str) -> ClientLookup:
        """The client's record and the deployment's, in one call; sees all writes before it."""
        ...


class EndedAccounts(Protocol):
    """The list of ended accounts in the deployment's record."""

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """The accounts that `SaveEnded` has listed; sees all writes before it."""
        ...


class ClientWriter(ClientSource, Protocol):
    """For the operator's tools and the console: other functions only read clients."""

    def put_client(self, client: Client) -> None:
        """Keep the record, in place of one of the same id."""
        ...

    def create_client(self, client: Client) -> bool:
        """Keep the record; False where there is one of this id."""
        ...

    def change_client(self, before: Client, after: Client, *, depends_on: Collection[str] = ()) -> bool:
        """Make `after` of the record `before`; False where a field that differs is no longer as in `before`.

        False, too, where the record is gone, or one of the fields in `depends_on` is no longer as in `before`. Fields
        that are alike in both stay as they are by then.
        """
        ...

    def list_clients(self) -> tuple[Client, ...]:
        """All records, in any order."""
        ...

    def page_clients(self, limit: int, after: str | None) -> ClientPage:
        """At most `limit` records: the first ones, or those behind the client id `after`."""
        ...

    def get_valid_from(self) -> int:
        """The deployment's `valid_from`."""
        ...

    def move_valid_from(self, valid_from: int) -> None:
        """Make it the deployment's `valid_from`, unless that is later already."""
        ...
