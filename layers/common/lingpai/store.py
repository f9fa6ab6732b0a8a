"""The store of a deployment: the storage of all features together."""

from typing import Protocol

from lingpai.accounts import dynamodb as accounts
from lingpai.accounts.storage import Accounts, ChangeUser, CheckUser, Roles
from lingpai.authorization import dynamodb as authorization
from lingpai.authorization.storage import Authorizations, PutAuthorizationCode, PutPushedRequest
from lingpai.aws.dynamodb.actions import Actions
from lingpai.browser_sessions import dynamodb as browser_sessions
from lingpai.browser_sessions.storage import BrowserSessions
from lingpai.clients import dynamodb as clients
from lingpai.clients.storage import ClientSource, EndedAccounts
from lingpai.consents import dynamodb as consents
from lingpai.consents.storage import Consents
from lingpai.kernel.writes import Conflict, Ledger, Write
from lingpai.rate_limits import dynamodb as rate_limits
from lingpai.rate_limits.storage import Counters
from lingpai.sessions import dynamodb as sessions
from lingpai.sessions.storage import EndSession, PutSession, Sessions
from lingpai.signing_keys import dynamodb as signing_keys
from lingpai.sms_codes import dynamodb as sms_codes
from lingpai.sms_codes.storage import Codes


class Store(
    Ledger,
    ClientSource,
    EndedAccounts,
    Accounts,
    Roles,
    Consents,
    Sessions,
    BrowserSessions,
    Codes,
    Authorizations,
    Counters,
    Protocol,
):
    """The whole store interface of a deployment, except signing keys."""


# The transaction action of each write.
ACTIONS: Actions = {
    **accounts.ACTIONS,
    **authorization.ACTIONS,
    **browser_sessions.ACTIONS,
    **clients.ACTIONS,
    **consents.ACTIONS,
    **rate_limits.ACTIONS,
    **sessions.ACTIONS,
    **sms_codes.ACTIONS,
}


class DynamoStore(
    accounts.DynamoAccounts,
    clients.DynamoClients,
    consents.DynamoConsents,
    sessions.DynamoSessions,
    browser_sessions.DynamoBrowserSessions,
    sms_codes.DynamoCodes,
    authorization.DynamoAuthorizations,
    rate_limits.DynamoCounters,
    signing_keys.DynamoKeys,
):
    """`Store`, `ClientWriter` and `KeyStore` on DynamoDB, made of the features' parts."""

    def commit(self, *writes: Write) -> None:
        """See `Ledger`. A single idempotent write is a plain call, which costs half of a transaction.

        Other writes are transactions even when alone. The client repeats a call whose answer was lost, and the first
        attempt may still arrive later; only by a transaction's token does DynamoDB know that both are the same.
        """
        match writes:
            case (PutSession() as only,):
                self.put_session(only)
            case (PutAuthorizationCode() | PutPushedRequest() as only,):
                self.put_authorization(only)
            case (EndSession(key),):
                self.end_sessions((key,))
            case _:
                failed = self.transact(*(ACTIONS[type(write)](self.settings, write) for write in writes))
                if failed is not None:
                    write = writes[failed.index]
                    item = failed.item if isinstance(write, ChangeUser | CheckUser) else None
                    raise Conflict(write, accounts.deserialize_user(item) if item else None)
