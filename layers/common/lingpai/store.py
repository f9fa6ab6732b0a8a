"""The store of a deployment: the storage of all features together."""

from typing import Protocol

from lingpai.accounts.storage import Accounts, Roles
from lingpai.clients.storage import ClientSource
from lingpai.kernel.writes import Ledger
from lingpai.rate_limits.storage import Counters
from lingpai.sessions.storage import Sessions
from lingpai.sms_codes.storage import Codes


class Store(Ledger, ClientSource, Accounts, Roles, Sessions, Codes, Counters, Protocol):
    """All of the above: what a deployment keeps."""
