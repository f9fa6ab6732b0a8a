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
from lingpai.clients.storage import ClientWriter, EndedAccounts
from lingpai.consents import dynamodb as consents
from lingpai.consents.storage import Consents
from lingpai.events import dynamodb as events
from lingpai.events.storage import AuditTrail
from lingpai.health import dynamodb as health
from lingpai.health.storage import Tables
from lingpai.identity_providers import dynamodb as identity_providers
from lingpai.identity_providers.storage import AppTokens
from lingpai.kernel.writes import Conflict, Ledger, Write
from lingpai.passkeys import dynamodb as passkeys
from lingpai.passkeys.storage import PasskeyStore, PutChallenge
from lingpai.pending_logins import dynamodb as pending_logins
from lingpai.pending_logins.storage import PendingLogins, PutPendingLogin
from lingpai.rate_limits import dynamodb as rate_limits
from lingpai.rate_limits.storage import Counters
from lingpai.second_factors import dynamodb as second_factors
from lingpai.second_factors.storage import SecondFactors
from lingpai.sessions import dynamodb as sessions
from lingpai.sessions.storage import EndSession, PutSession, Sessions
from lingpai.signing_keys import dynamodb as signing_keys
from lingpai.sms_codes import dynamodb as sms_codes
from lingpai.sms_codes.storage import Codes
from lingpai.webhooks import dynamodb as webhooks
from lingpai.webhooks.storage import Webhooks


class Store(
    Ledger,
    ClientWriter,
    EndedAccounts,
    Accounts,
    Roles,
    SecondFactors,
    PasskeyStore,
    Consents,
    Sessions,
    BrowserSessions,
    Codes,
    Authorizations,
    PendingLogins,
    AppTokens,
    Counters,
    Webhooks,
    AuditTrail,
    Tables,
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
    **passkeys.ACTIONS,
    **pending_logins.ACTIONS,
    **rate_limits.ACTIONS,
    **second_factors.ACTIONS,
    **sessions.ACTIONS,
    **sms_codes.ACTIONS,
}


class DynamoStore(
    second_factors.DynamoSecondFactors,
    passkeys.DynamoPasskeys,
    accounts.DynamoAccounts,
    clients.DynamoClients,
    consents.DynamoConsents,
    sessions.DynamoSessions,
    browser_sessions.DynamoBrowserSessions,
    sms_codes.DynamoCodes,
    authorization.DynamoAuthorizations,
    pending_logins.DynamoPendingLogins,
    identity_providers.DynamoAppTokens,
    rate_limits.DynamoCounters,
    webhooks.DynamoWebhooks,
    events.DynamoEvents,
    signing_keys.DynamoKeys,
    health.DynamoHealth,
):
    """`Store`, `ClientWriter` and `KeyStore` on DynamoDB, made of the features' parts."""

    def commit(self, *writes: Write) -> None:
        """See `Ledger`. A single idempotent write is a plain call, which costs half of a transaction.

        Other writes are transactions even when alone. The client repeats a call whose answer was lost, and the first
        attempt may still arrive later; only by a transaction's token does DynamoDB know that both are the same.
        """
        match writes:
            case (
                PutSession() | PutAuthorizationCode() | PutPushedRequest() | PutChallenge() | PutPendingLogin() as only,
            ):
                self.put_new(ACTIONS[type(only)](self.settings, only))
            case (EndSession(key, must_exist=False),):
                self.end_sessions((key,))
            case _:
                failed = self.transact(*(ACTIONS[type(write)](self.settings, write) for write in writes))
                if failed is not None:
                    write = writes[failed.index]
                    item = failed.item if isinstance(write, ChangeUser | CheckUser) else None
                    raise Conflict(write, accounts.deserialize_user(item) if item else None)
