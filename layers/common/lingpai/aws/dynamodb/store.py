"""The store on DynamoDB. Each method is one call unless its docstring says otherwise.

PynamoDB makes the items and the expressions. The calls are made without it: its own wrapper drops the item that a
failed condition returns, and importing it would import botocore's client, which the bare transport does without.
"""

import functools
import operator
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    Count,
    DeleteIdentity,
    DeleteUser,
    Directory,
    DisableUser,
    Door,
    EnableUser,
    EndOpened,
    KnowAddresses,
    Page,
    PutIdentity,
    PutUser,
)
from lingpai.aws.client import aws_client
from lingpai.aws.dynamodb.expressions import (
    Arguments,
    alive_user,
    as_it_was,
    client_changes,
    counting,
    ended_before,
    expressions,
    put,
    rotating,
    spending,
    user_changes,
)
from lingpai.aws.dynamodb.items import (
    DEPLOYMENT,
    ROLE_BOOK,
    ClientItem,
    CodeItem,
    IdentityItem,
    Item,
    RoleBookItem,
    SessionItem,
    SigningKeyItem,
    TallyItem,
    UserItem,
    below,
    client_item,
    client_key,
    code_key,
    count_path,
    ended_list,
    identity_key,
    same_item,
    session_item,
    session_key,
    signing_key_item,
    signing_key_key,
    tally_key,
    user_item,
    user_key,
)
from lingpai.aws.dynamodb.reading import (
    SPAN_ATTRIBUTES,
    is_client,
    to_addresses,
    to_client,
    to_code,
    to_counts,
    to_ended,
    to_role_book,
    to_session,
    to_session_span,
    to_stored_key,
    to_user,
    to_user_id,
    to_valid_from,
)
from lingpai.aws.dynamodb.write_ids import WriteId
from lingpai.clients.model import Client, EndedAccount
from lingpai.clients.storage import ClientLookup, SaveEnded
from lingpai.kernel.errors import unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits.storage import CheckTally, SpendTally, Spent
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import Ended, EndSession, PutSession, Rotated, Rotation, SessionSpan
from lingpai.signing_keys.model import StoredKey
from lingpai.sms_codes.model import Code, Guess
from lingpai.sms_codes.storage import ConsumeCode

if TYPE_CHECKING:
    from lingpai.settings import Settings

_CONFLICT_ATTEMPTS = 20
_CODES_KEPT = 2 * 86400
_BATCH_ATTEMPTS = 8
_BATCH_WRITES = 25
_WINDOW_ATTEMPTS = 5
_GUESS_ATTEMPTS = 10
# What a partition key may hold, in bytes of UTF-8.
_LONGEST_KEY = 2048
# What is in every answer to a read of several items. An answer without it is not DynamoDB's.
_ANSWERED = {"BatchGetItem": "Responses", "Query": "Items", "Scan": "Items"}
_BUSY = {
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionInProgressException",
}


class _Refused(Exception):
    """A condition did not hold; `item` is what stands there, None for nothing."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition")
        self.item = item


class DynamoStore:
    """All stores of `ports`, each in its own table of `settings`.

    `client` gives what makes the calls, when the first is made (see `aws_client`); `pause` sleeps before an attempt.
    """

    def __init__(
        self,
        settings: "Settings",
        client: Callable[[], Any] | None = None,
        pause: Callable[[int], None] | None = None,
    ) -> None:
        self.settings = settings
        self._connect = client or (lambda: aws_client(settings, "dynamodb"))
        self._pause = pause or _pause
        self._client: Any = None

    # --- ledger

    def commit(self, *writes: Write) -> None:
        """See `ports.Ledger`. A single idempotent write is a plain call, which costs half of a transaction.

        The others are transactions even when alone: the transport repeats a write whose answer was lost, and the first
        try may still arrive after that. Only a transaction's token tells DynamoDB that both are one decision.
        """
        actions = [self._action(write) for write in writes]
        match writes:
            case (PutSession(session),):
                self._put_session(session, **actions[0]["Put"])
            case (EndSession(),):
                self._call("DeleteItem", **actions[0]["Delete"])
            case _:
                failed = self._transact(actions)
                if failed is not None:
                    counted = isinstance(writes[failed.index], ChangeUser | CheckUser) and failed.item
                    raise Conflict(writes[failed.index], to_user(failed.item) if counted and failed.item else None)

    def _put_session(self, session: Session, **arguments: Any) -> None:
        """Put a session without a transaction.

        Only where nothing stands under its key, so that a late first try cannot bring back a session which was ended
        meanwhile (see `end_presented`). A second try that finds the session of the first is a success.
        """
        try:
            self._call("PutItem", **arguments, **expressions(SessionItem.owner.does_not_exist()))
        except _Refused as refused:
            if _session_in(refused.item) != session:
                raise unavailable() from None

    def _transact(self, actions: list[dict[str, Arguments]]) -> "_Failed | None":
        """Send the transaction; gives the first action whose condition failed, None for success.

        DynamoDB cancels a transaction that meets another one on the same item. That says nothing about the conditions,
        so it is sent again: the same bytes under the same token, because an earlier try may have been applied.
        """
        token = uuid4().hex
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                self._call("TransactWriteItems", TransactItems=actions, ClientRequestToken=token)
                return None
            except _Cancelled as cancelled:
                if "ConditionalCheckFailed" in cancelled.reasons:
                    index = cancelled.reasons.index("ConditionalCheckFailed")
                    return _Failed(index, cancelled.items[index])
            except _TokenKnown:
                if not self._has_done(actions):
                    raise unavailable() from None
                return None
            self._pause(attempt)
        raise unavailable()

    def _has_done(self, actions: list[dict[str, Arguments]]) -> bool:
        """Whether the items that the transaction puts and deletes are as it leaves them; one call for each.

        For the case that DynamoDB knows the token of this transaction, but finds other parameters. The token is new and
        random, so only an earlier try can have used it, and only a transaction that was done is remembered. False where
        the function may not read what it writes.
        """
        with suppress(ClientError):
            return self._stand(actions)
        return False

    def _stand(self, actions: list[dict[str, Arguments]]) -> bool:
        for action in actions:
            ((kind, arguments),) = action.items()
            table = arguments["TableName"]
            if kind == "Put":
                item = arguments["Item"]
                key = {name: item[name] for name in self._key_names(table)}
                stands = same_item(self._get(table, key), item)
            else:
                stands = kind != "Delete" or self._get(table, arguments["Key"]) is None
            if not stands:
                return False
        return True

    def _key_names(self, table: str) -> tuple[str, ...]:
        """The names of the attributes that are the key of the table's items."""
        tables = self.settings
        return {
            tables.clients_table: ("client_id",),
            tables.users_table: ("id",),
            tables.identities_table: ("key",),
            tables.roles_table: ("book",),
            tables.sessions_table: ("owner", "id"),
            tables.keys_table: ("algorithm", "number"),
        }[table]

    def _action(self, write: Write) -> dict[str, Arguments]:
        """The write as one action of a transaction: {"Put" | "Update" | "Delete" | "ConditionCheck": arguments}."""
        tables = self.settings
        match write:
            case PutUser(user, sessions):
                item = user_item(user)
                item.sessions = item.logins = sessions
                arguments = put(item, UserItem.id.does_not_exist())
                return {"Put": {"TableName": tables.users_table, **arguments}}
            case ChangeUser(before, after, count):
                actions, condition = user_changes(before, after)
                return self._account_action(before.id, condition, actions, count)
            case CheckUser(user_id, password, count):
                condition = alive_user()
                if password is not None:
                    condition &= UserItem.password == password
                return self._account_action(user_id, condition, [], count)
            case CheckRole(user_id, role_id):
                arguments = expressions(alive_user() & UserItem.roles.contains(role_id))
                return {"ConditionCheck": {"TableName": tables.users_table, "Key": user_key(user_id), **arguments}}
            case DisableUser(user_id):
                arguments = expressions(UserItem.id.exists(), UserItem.disabled.set(True))
                return {"Update": {"TableName": tables.users_table, "Key": user_key(user_id), **arguments}}
            case EnableUser(user_id):
                arguments = expressions(UserItem.id.exists(), UserItem.disabled.remove())
                return {"Update": {"TableName": tables.users_table, "Key": user_key(user_id), **arguments}}
            case DeleteUser(user):
                item = user_item(user)
                condition = UserItem.id.exists()
                for attribute in (UserItem.username, UserItem.mobile, UserItem.openids):
                    condition &= as_it_was(attribute, item)
                arguments = expressions(condition)
                return {"Delete": {"TableName": tables.users_table, "Key": user_key(user.id), **arguments}}
            case PutIdentity(key, user_id):
                arguments = put(IdentityItem(key=key, user_id=user_id), IdentityItem.key.does_not_exist())
                return {"Put": {"TableName": tables.identities_table, **arguments}}
            case CheckIdentity(key, user_id):
                arguments = expressions(IdentityItem.user_id == user_id)
                return {"ConditionCheck": {"TableName": tables.identities_table, "Key": identity_key(key), **arguments}}
            case DeleteIdentity(key, user_id):
                arguments = expressions(IdentityItem.user_id == user_id)
                return {"Delete": {"TableName": tables.identities_table, "Key": identity_key(key), **arguments}}
            case PutSession(session, ttl):
                # No condition: the key holds 64 random bits.
                return {"Put": {"TableName": tables.sessions_table, "Item": session_item(session, ttl)}}
            case EndSession(key):
                return {"Delete": {"TableName": tables.sessions_table, "Key": session_key(key)}}
            case EndOpened(user_id, until, left):
                condition = UserItem.id.exists() & ended_before(until)
                arguments = expressions(condition, UserItem.ended_until.set(until), UserItem.sessions.set(left))
                return {"Update": {"TableName": tables.users_table, "Key": user_key(user_id), **arguments}}
            case SaveEnded(before, after):
                listed = ClientItem.ended
                condition = listed == ended_list(before) if before else listed.does_not_exist()
                arguments = expressions(condition, listed.set(ended_list(after)) if after else listed.remove())
                return {"Update": {"TableName": tables.clients_table, "Key": client_key(DEPLOYMENT), **arguments}}
            case ConsumeCode(number, digest, now, proof_day, by_name, decision):
                arguments = expressions(
                    (CodeItem.digest == digest) & (CodeItem.expires_at > now),
                    CodeItem.digest.remove(),
                    CodeItem.expires_at.remove(),
                    CodeItem.proven.remove(),
                    CodeItem.proof_day.set(proof_day),
                    CodeItem.used_by.set(decision),
                    CodeItem.name_tries.set(CodeItem.name_tries - 1)
                    if by_name
                    else CodeItem.tries.set(CodeItem.tries - 1),
                )
                return {"Update": {"TableName": tables.codes_table, "Key": code_key(number), **arguments}}

            case CheckTally(key, limits):
                arguments = expressions(below(limits))
                return {"ConditionCheck": {"TableName": tables.counters_table, "Key": tally_key(key), **arguments}}
            case SpendTally(key, limits, ttl):
                condition, actions = spending(limits, ttl)
                arguments = expressions(condition, *actions)
                return {"Update": {"TableName": tables.counters_table, "Key": tally_key(key), **arguments}}
            case KnowAddresses(key, user_id, addresses):
                kept = [[address.mark, address.at] for address in addresses]
                arguments = expressions(IdentityItem.user_id == user_id, IdentityItem.addresses.set(kept))
                return {"Update": {"TableName": tables.identities_table, "Key": identity_key(key), **arguments}}
            case _:
                raise TypeError(f"no action for {type(write).__name__}")

    def _account_action(
        self, user_id: int, condition: "Condition", actions: list["Action"], count: Count | None
    ) -> dict[str, Arguments]:
        """The action on an account that is not disabled, with its `count`; a refusal then returns the account."""
        counted, countable = counting(count)
        for one in countable:
            condition &= one
        arguments = expressions(condition, *actions, *counted)
        if count is not None:
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        kind = "Update" if actions or counted else "ConditionCheck"
        return {kind: {"TableName": self.settings.users_table, "Key": user_key(user_id), **arguments}}

    # --- clients

    def get_client(self, client_id: str) -> Client | None:
        """See `ports.Clients`."""
        item = self._get(self.settings.clients_table, client_key(client_id))
        return to_client(item) if item and is_client(item) else None

    def look_up_client(self, client_id: str) -> ClientLookup:
        """See `ports.ClientSource`."""
        if client_id == DEPLOYMENT or not _may_be_key(client_id):
            return ClientLookup(None, 0, None)
        table = self.settings.clients_table
        keys = [client_key(client_id), client_key(DEPLOYMENT)]
        found = self._get_batch({table: {"Keys": keys, "ConsistentRead": True}})[table]
        deployment = next((item for item in found if not is_client(item)), {})
        return ClientLookup(
            client=next((to_client(item) for item in found if is_client(item)), None),
            valid_from=to_valid_from(deployment),
            ended=to_ended(deployment),
        )

    def put_client(self, client: Client) -> None:
        """See `ports.ClientWriter`."""
        self._transact([{"Put": {"TableName": self.settings.clients_table, **put(client_item(client))}}])

    def create_client(self, client: Client) -> bool:
        """See `ports.ClientWriter`."""
        arguments = put(client_item(client), ClientItem.client_id.does_not_exist())
        return self._transact([{"Put": {"TableName": self.settings.clients_table, **arguments}}]) is None

    def change_client(self, before: Client, after: Client) -> bool:
        """See `ports.ClientWriter`."""
        actions, condition = client_changes(before, after)
        arguments = {"Key": client_key(before.id), **expressions(condition, *actions)}
        kind = "Update" if actions else "ConditionCheck"
        return self._transact([{kind: {"TableName": self.settings.clients_table, **arguments}}]) is None

    def list_clients(self) -> tuple[Client, ...]:
        """See `ports.ClientWriter`; one call for each megabyte of records."""
        scan: Arguments = {"TableName": self.settings.clients_table, "ConsistentRead": True}
        clients: list[Client] = []
        while True:
            answer = self._call("Scan", **scan)
            clients += [to_client(item) for item in answer["Items"] if is_client(item)]
            if "LastEvaluatedKey" not in answer:
                return tuple(clients)
            scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get_valid_from(self) -> int:
        """See `ports.ClientWriter`."""
        item = self._get(self.settings.clients_table, client_key(DEPLOYMENT))
        return to_valid_from(item) if item else 0

    def move_valid_from(self, valid_from: int) -> None:
        """See `ports.ClientWriter`."""
        earlier = ClientItem.valid_from.does_not_exist() | (ClientItem.valid_from < valid_from)
        arguments = expressions(earlier, ClientItem.valid_from.set(valid_from))
        with suppress(_Refused):
            self._call("UpdateItem", TableName=self.settings.clients_table, Key=client_key(DEPLOYMENT), **arguments)

    # --- accounts and roles

    def find_user_id(self, key: str) -> int | None:
        """See `ports.Accounts`."""
        item = self._get(self.settings.identities_table, identity_key(key))
        return to_user_id(item) if item else None

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """See `ports.Accounts`."""
        table = self.settings.identities_table
        named = [identity_key(key) for key in dict.fromkeys(keys) if _may_be_key(key)]
        found = self._get_batch({table: {"Keys": named, "ConsistentRead": True}})[table] if named else []
        return {item["key"]["S"]: to_user_id(item) for item in found}

    def find_door(self, key: str, tallies: tuple[str, ...]) -> Door:
        """See `ports.Accounts`."""
        identities, counters = self.settings.identities_table, self.settings.counters_table
        wanted: Arguments = {identities: {"Keys": [identity_key(key)], "ConsistentRead": True}}
        if tallies:
            wanted[counters] = {"Keys": [tally_key(tally) for tally in tallies], "ConsistentRead": True}
        found = self._get_batch(wanted)
        rows = found[identities]
        counts = {item["key"]["S"]: to_counts(item) for item in found.get(counters, ())}
        return Door(
            user_id=to_user_id(rows[0]) if rows else None,
            addresses=to_addresses(rows[0]) if rows else (),
            tallies={tally: counts.get(tally, {}) for tally in tallies},
        )

    def get_user(self, user_id: int) -> User | None:
        """See `ports.Accounts`."""
        item = self._get(self.settings.users_table, user_key(user_id))
        return to_user(item) if item else None

    def directory(self, *user_ids: int) -> Directory:
        """See `ports.Accounts`."""
        users_table, roles_table = self.settings.users_table, self.settings.roles_table
        wanted: Arguments = {roles_table: {"Keys": [{"book": {"S": ROLE_BOOK}}], "ConsistentRead": True}}
        if user_ids:
            keys = [user_key(user_id) for user_id in dict.fromkeys(user_ids)]
            wanted[users_table] = {"Keys": keys, "ConsistentRead": True}
        found = self._get_batch(wanted)
        users = [to_user(item) for item in found.get(users_table, ())]
        books = [to_role_book(item) for item in found[roles_table]]
        return Directory({user.id: user for user in users}, books[0] if books else RoleBook())

    def list_users(self, limit: int, after: int | None) -> Page:
        """See `ports.Accounts`; the order is the table's own, which spreads users evenly over it."""
        start = {"ExclusiveStartKey": user_key(after)} if after is not None else {}
        answer = self._call("Scan", TableName=self.settings.users_table, Limit=limit, ConsistentRead=True, **start)
        last = answer.get("LastEvaluatedKey")
        users = tuple(to_user(item) for item in answer["Items"])
        return Page(users, int(last["id"]["N"]) if last else None)

    def save_roles(self, book: RoleBook) -> bool:
        """See `ports.Roles`."""
        item = RoleBookItem(
            book=ROLE_BOOK,
            names=[list(entry) for entry in book.names],
            next_id=book.next_id,
            version=book.version + 1,
        )
        unchanged = RoleBookItem.version == book.version if book.version else RoleBookItem.book.does_not_exist()
        # A transaction for its token, as in `commit`.
        action = {"Put": {"TableName": self.settings.roles_table, **put(item, unchanged)}}
        return self._transact([action]) is None

    # --- sessions

    def get_session(self, key: SessionKey) -> Session | None:
        """See `ports.Sessions`."""
        item = self._get(self.settings.sessions_table, session_key(key))
        return _session_in(item)

    def rotate(self, rotation: Rotation) -> Rotated:
        """See `ports.Sessions`. Refused or not, the item comes back in the same call."""
        try:
            answer = self._call(
                "UpdateItem",
                TableName=self.settings.sessions_table,
                Key=session_key(rotation.key),
                ReturnValues="ALL_NEW",
                **rotating(rotation),
            )
        except _Refused as refused:
            return Rotated(False, _session_in(refused.item))
        return Rotated(True, _session_in(answer["Attributes"]))

    def end_presented(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """See `ports.Sessions`.

        The session of a client's own token was put by a plain write, whose first try may still arrive: what is left of
        the item keeps it out until the token would have expired.
        """
        item = SessionItem
        condition = (
            (item.access_hash == hashed)
            | (item.refresh_hash == hashed)
            | (item.previous_access_hash == hashed)
            | (item.previous_refresh_hash == hashed)
        )
        if client_id is not None:
            condition &= item.client_id == client_id
        emptied = [item.client_id.remove(), item.access_hash.remove()] if key.user_id is None else []
        operation = "UpdateItem" if emptied else "DeleteItem"
        arguments = expressions(condition, *emptied)
        try:
            self._call(operation, TableName=self.settings.sessions_table, Key=session_key(key), **arguments)
        except _Refused as refused:
            return Ended(False, _session_in(refused.item))
        return Ended(True, None)

    def list_revoked(self, key: SessionKey, ttl: int) -> None:
        """See `ports.Sessions`; a token that stands alone has a key that no session has, so their table keeps it."""
        item = {**session_key(key), "ttl": {"N": str(ttl)}}
        self._call("PutItem", TableName=self.settings.sessions_table, Item=item)

    def is_listed(self, key: SessionKey) -> bool:
        """See `ports.Sessions`."""
        return self._get(self.settings.sessions_table, session_key(key)) is not None

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """See `ports.Sessions`; one call for each megabyte of sessions."""
        found = islice(self._query_sessions(user_id, ("id",), most), most)
        return tuple(SessionKey(user_id, item["id"]["B"]) for item in found)

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """See `ports.Sessions`; one call for each megabyte of sessions."""
        return tuple(map(to_session_span, self._query_sessions(user_id, SPAN_ATTRIBUTES)))

    def _query_sessions(self, user_id: int, attributes: tuple[str, ...], page: int | None = None) -> Iterator[Item]:
        """These attributes of all sessions of the user; a call reads `page` of them at most."""
        query: Arguments = {
            "TableName": self.settings.sessions_table,
            "KeyConditionExpression": "#owner = :owner",
            "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
            "ExpressionAttributeNames": {f"#{name}": name for name in ("owner", *attributes)},
            "ExpressionAttributeValues": {":owner": {"N": str(user_id)}},
            "ConsistentRead": True,
            **({"Limit": page} if page else {}),
        }
        while True:
            answer = self._call("Query", **query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """See `ports.Sessions`; one call for one session, or for each 25."""
        table = self.settings.sessions_table
        if len(keys) == 1:
            self._call("DeleteItem", TableName=table, Key=session_key(keys[0]))
            return
        for batch in _batches(keys, _BATCH_WRITES):
            self._write_batch({table: [{"DeleteRequest": {"Key": session_key(key)}} for key in batch]})

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """See `ports.Sessions`. The functions may read the table by this operation alone."""
        table = self.settings.clients_table
        found = self._get_batch({table: {"Keys": [client_key(DEPLOYMENT)], "ConsistentRead": True}})[table]
        return to_ended(found[0]) if found else ()

    def _write_batch(self, requests: Arguments) -> None:
        for attempt in range(_BATCH_ATTEMPTS):
            requests = self._call("BatchWriteItem", RequestItems=requests).get("UnprocessedItems") or {}
            if not requests:
                return
            self._pause(attempt)
        raise unavailable()

    # --- codes and counters

    def get_code(self, number: str) -> Code | None:
        """See `ports.Codes`."""
        item = self._get(self.settings.codes_table, code_key(number))
        return to_code(item) if item else None

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """See `ports.Codes`."""
        actions = [
            CodeItem.digest.set(after.digest) if after.digest else CodeItem.digest.remove(),
            CodeItem.expires_at.set(after.expires_at),
            CodeItem.sent.set(list(after.sent)) if after.sent else CodeItem.sent.remove(),
            CodeItem.proven.set(True) if after.proven else CodeItem.proven.remove(),
            CodeItem.client_id.set(after.client_id) if after.client_id else CodeItem.client_id.remove(),
            CodeItem.purpose.set(after.purpose) if after.purpose else CodeItem.purpose.remove(),
            CodeItem.guesses.set(after.guesses) if after.guesses else CodeItem.guesses.remove(),
            CodeItem.ttl.set(ttl),
        ]
        if after.unsent:
            actions.append(CodeItem.unsent.set(after.unsent))
        if before is None:
            condition: Condition = CodeItem.number.does_not_exist()
        else:
            condition = CodeItem.sent == list(before.sent) if before.sent else CodeItem.sent.does_not_exist()
            condition &= CodeItem.digest == before.digest if before.digest else CodeItem.digest.does_not_exist()
            until = CodeItem.tries_until
            unopened = until.does_not_exist() | (until == 0)
            condition &= until == before.tries_until if before.tries_until else unopened
        if sending:
            condition &= CodeItem.unsent.does_not_exist() | (CodeItem.unsent != sending)
        if before is None or after.tries_until != before.tries_until:
            actions += [CodeItem.tries.set(after.tries), CodeItem.tries_until.set(after.tries_until)]
        try:
            self._update_once(self.settings.codes_table, code_key(after.number), WriteId.new(), condition, *actions)
        except _Refused:
            return False
        return True

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """See `ports.Codes`."""
        condition = (CodeItem.used_by == used.decision) & CodeItem.digest.does_not_exist()
        actions = (
            CodeItem.digest.set(used.digest),
            CodeItem.expires_at.set(expires_at),
            CodeItem.used_by.remove(),
        )
        with suppress(_Refused):
            self._update_once(self.settings.codes_table, code_key(used.number), WriteId.new(), condition, *actions)

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """See `ports.Codes`."""
        condition = (CodeItem.digest == digest) & CodeItem.proven.does_not_exist()
        try:
            self._update_once(
                self.settings.codes_table,
                code_key(number),
                WriteId.new(),
                condition,
                CodeItem.proven.set(True),
                CodeItem.proof_day.set(proof_day),
            )
        except _Refused:
            return False
        return True

    def count_try(self, number: str, guess: Guess) -> Code:
        """See `ports.Codes`; a second call where a window has to be opened, or where no guess is left."""
        tries, until = CodeItem.tries, CodeItem.tries_until
        if guess.by_name:
            tries, until = CodeItem.name_tries, CodeItem.name_tries_until
        counted, more = CodeItem.guesses.add(1), tries.set(tries + 1)
        ttl = guess.now + max(_CODES_KEPT, guess.window)
        begun = (tries.set(1), until.set(guess.now + guess.window), CodeItem.ttl.set(ttl), counted)
        steps: dict[str, tuple[Condition, tuple[Action, ...]]] = {
            "left": ((until > guess.now) & (tries < guess.tries), (more, counted)),
            "closed": (until.does_not_exist() | (until <= guess.now), begun),
            "spent": ((until > guess.now) & (tries >= guess.tries), (more,)),
        }
        write, step = WriteId.new(), "left"
        for _ in range(_GUESS_ATTEMPTS):
            condition, actions = steps[step]
            try:
                item = self._update_once(self.settings.codes_table, code_key(number), write, condition, *actions)
            except _Refused as refused:
                known = to_code(refused.item) if refused.item else Code(number)
                step = "spent" if known.tries_at(guess)[1] > guess.now else "closed"
                continue
            return to_code(item)
        raise unavailable()

    def spend(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Spent:
        """See `ports.Counters`. Done or not, the counts come back in the same call."""
        condition, actions = spending(limits, ttl, amount)
        try:
            item = self._update_once(self.settings.counters_table, tally_key(key), WriteId.new(), condition, *actions)
        except _Refused as refused:
            return Spent(False, to_counts(refused.item))
        return Spent(True, to_counts(item))

    def give_back(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """See `ports.Counters`; a second call where more than `amount` was spent."""
        count = count_path(name)
        added = [count_path(add).add(1)] if add else []
        emptied = (TallyItem.key.exists() & (count.does_not_exist() | (count <= amount)), count.set(0), *added)
        lessened = (TallyItem.key.exists() & (count > amount), count.set(count - amount), *added)
        write = WriteId.new()
        for _ in range(_WINDOW_ATTEMPTS):
            for condition, *actions in (emptied, lessened):
                try:
                    self._update_once(self.settings.counters_table, tally_key(key), write, condition, *actions)
                    return
                except _Refused as refused:
                    if refused.item is None:
                        return
        raise unavailable()

    def take_back(self, spent: SpendTally) -> None:
        """See `ports.Counters`."""
        counts = [count_path(name) for name in spent.limits]
        there: Condition = functools.reduce(operator.and_, (count > 0 for count in counts))
        actions = [count.set(count - 1) for count in counts]
        with suppress(_Refused):
            self._update_once(self.settings.counters_table, tally_key(spent.key), WriteId.new(), there, *actions)

    def counts(self, key: str) -> Mapping[str, int]:
        """See `ports.Counters`."""
        return to_counts(self._get(self.settings.counters_table, tally_key(key)))

    def clear(self, key: str) -> None:
        """See `ports.Counters`; a read and, where there are counts, a write.

        The item stays with its write ids, so that no update from before is applied after this.
        """
        counts = self.counts(key)
        if not counts:
            return
        removed = [count_path(name).remove() for name in counts]
        with suppress(_Refused):  # the item has expired meanwhile
            self._update_once(
                self.settings.counters_table, tally_key(key), WriteId.new(), TallyItem.key.exists(), *removed
            )

    def _update_once(self, table: str, key: Item, write: WriteId, condition: Condition, *actions: Action) -> Item:
        """Update the item unless an earlier try of the same `write` has done so; gives the item as it is then.

        _Refused where the condition does not hold.
        """
        arguments = expressions(condition & write.is_absent, *actions, write.keep)
        try:
            answer = self._call("UpdateItem", TableName=table, Key=key, ReturnValues="ALL_NEW", **arguments)
        except _Refused as refused:
            if refused.item is not None and write.stands_in(refused.item):
                return refused.item
            raise
        item: Item = answer.get("Attributes", {})
        return item

    # --- keys

    def load_keys(self) -> tuple[StoredKey, ...]:
        """See `ports.KeyStore`; they are few, so one call reads the whole table."""
        keys: list[StoredKey] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._call("Scan", TableName=self.settings.keys_table, ConsistentRead=True, **start)
            keys += (to_stored_key(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return tuple(keys)
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def add_key(self, key: StoredKey) -> bool:
        """See `ports.KeyStore`; a second call where a key of this number is there. A transaction as in `commit`."""
        absent = SigningKeyItem.algorithm.does_not_exist()
        action = {"Put": {"TableName": self.settings.keys_table, **put(signing_key_item(key), absent)}}
        if self._transact([action]) is None:
            return True
        return key in self.load_keys()

    def forget_private(self, key: StoredKey) -> None:
        """See `ports.KeyStore`."""
        there = SigningKeyItem.algorithm.exists()
        try:
            self._key("UpdateItem", key, **expressions(there, SigningKeyItem.private.remove()))
        except _Refused:
            return

    def delete_key(self, key: StoredKey) -> None:
        """See `ports.KeyStore`."""
        self._key("DeleteItem", key)

    def _key(self, operation: str, key: StoredKey, **arguments: Any) -> dict[str, Any]:
        return self._call(operation, TableName=self.settings.keys_table, Key=signing_key_key(key), **arguments)

    # --- calls

    def _get_batch(self, wanted: Arguments) -> dict[str, list[Item]]:
        """The items of these keys, by table; a further call for what DynamoDB left out."""
        found: dict[str, list[Item]] = {table: [] for table in wanted}
        for attempt in range(_BATCH_ATTEMPTS):
            answer = self._call("BatchGetItem", RequestItems=wanted)
            for table, items in answer["Responses"].items():
                found[table] += items
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
            self._pause(attempt)
        raise unavailable()

    def _get(self, table: str, key: Item) -> Item | None:
        """The item; None for a text that no key can be, empty or too long: DynamoDB would not even look for it."""
        if not all(_may_be_key(value["S"]) for value in key.values() if "S" in value):
            return None
        item: Item | None = self._call("GetItem", TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call; a busy store is a 503.

        A failed condition is _Refused, a cancelled transaction _Cancelled, and _TokenKnown one whose token DynamoDB
        knows with other parameters.
        """
        if "ConditionExpression" in arguments:
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                if self._client is None:
                    self._client = self._connect()
                answer: dict[str, Any] = self._client.call(operation, arguments)
                if _ANSWERED.get(operation, "") not in {"", *answer}:
                    raise unavailable(detail=f"{operation}: not an answer of DynamoDB")
                return answer
            except ClientError as error:
                response: Any = error.response
                code = response["Error"]["Code"]
                if code == "ConditionalCheckFailedException":
                    raise _Refused(response.get("Item")) from None
                if code == "TransactionCanceledException":
                    raise _cancelled(error) from None
                if code == "IdempotentParameterMismatchException":
                    raise _TokenKnown from None
                # A refusal that cannot be read has its status as its code.
                unread = code.isdigit() or response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
                if code in _BUSY or unread:
                    raise unavailable() from error
                # A plain write that meets a transaction on its item: nothing was done, so it is sent again.
                if code != "TransactionConflictException":
                    raise
            except BotoCoreError as error:
                raise unavailable() from error
            self._pause(attempt)
        raise unavailable()


class _TokenKnown(Exception):
    """DynamoDB has done a transaction with this token, and says that its parameters were others."""


@dataclass(frozen=True)
class _Failed:
    """The action of a transaction whose condition failed, and what stands in its place, if that was asked for."""

    index: int
    item: Item | None


class _Cancelled(Exception):
    """A transaction was not done; `reasons` and `items` have the code of each of its actions, and what it returns."""

    def __init__(self, reasons: list[str], items: list[Item | None]) -> None:
        super().__init__("cancelled")
        self.reasons = reasons
        self.items = items


def _cancelled(error: ClientError) -> Exception:
    """The error as the reasons it gives; a busy store as a 503, anything unforeseen as it is."""
    response: Any = error.response
    reasons = [reason.get("Code", "None") for reason in response.get("CancellationReasons", [])]
    if not reasons or set(reasons) - _BUSY - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
        return error
    if "ConditionalCheckFailed" not in reasons and set(reasons) & _BUSY:
        return unavailable()
    return _Cancelled(reasons, [reason.get("Item") for reason in response["CancellationReasons"]])


def _session_in(item: Item | None) -> Session | None:
    """The session in an item; None where nothing is stored, and for what the revoked token of a client leaves."""
    if item is None or "client_id" not in item:
        return None
    return to_session(item)


def _may_be_key(name: str) -> bool:
    return 0 < len(name.encode()) <= _LONGEST_KEY


def _pause(attempt: int) -> None:
    """Up to 10 ms, 20 ms, 40 ms … 320 ms, at random, so that those who met do not meet again."""
    time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311  no secret hangs on it


def _batches[T](things: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    return (things[start : start + size] for start in range(0, len(things), size))
