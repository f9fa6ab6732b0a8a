"""Accounts on DynamoDB: users, the identities that find them, and the roles."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as Change

from lingpai.accounts.model import Agreement, Email, KnownAddress, RoleBook, User
from lingpai.accounts.profile_names import by_seed_names, from_seed_names
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    Count,
    DeleteFactor,
    DeleteIdentity,
    DeleteUser,
    Directory,
    DisableUser,
    EnableUser,
    EndOpened,
    LoginLookup,
    OneMore,
    Page,
    PutIdentity,
    PutUser,
    RememberAddresses,
)
from lingpai.aws.dynamodb.actions import Action, Actions, delete, put, update
from lingpai.aws.dynamodb.attributes import CompactJson, Integer, Item, Record, Utf8Json
from lingpai.aws.dynamodb.audited import absent, bury, is_tombstone, keep_cause, present, with_cause
from lingpai.aws.dynamodb.expressions import changes, unchanged
from lingpai.aws.dynamodb.reading import read_flag, read_json, read_number, read_optional_number, read_text
from lingpai.aws.dynamodb.tables import DynamoTables, may_be_key
from lingpai.rate_limits.dynamodb import counter_key, deserialize_counts

if TYPE_CHECKING:
    from lingpai.settings import Settings

_NO_NUMBERS: dict[str, Any] = {"NS": ()}
_NO_TEXTS: dict[str, Any] = {"SS": ()}


class UserItem(Record):
    """An account. `disabled` is there only when true. `closing` puts a closed account into the index of those."""

    id = Integer(hash_key=True)
    created_at = Integer()
    username = UnicodeAttribute(null=True)
    mobile = UnicodeAttribute(null=True)
    email = Utf8Json(null=True)
    openids = Utf8Json(null=True)
    password = UnicodeAttribute(null=True)
    digests = UnicodeAttribute(null=True)
    password_set_at = Integer(null=True)
    roles = NumberSetAttribute(null=True)
    disabled = BooleanAttribute(null=True)
    detail = Utf8Json(null=True)
    imported_from = UnicodeAttribute(null=True)
    second_factors = UnicodeSetAttribute(null=True)
    closing = UnicodeAttribute(null=True)
    closes_at = Integer(null=True)
    # `[[document, version, time, address, client], …]`: a list, because the order counts.
    agreements = Utf8Json(null=True)
    # `serialize_user` leaves these out, so that a change of the account does not touch them.
    sessions = Integer(null=True)
    logins = Integer(null=True)
    ended_until = Integer(null=True)
    # `[[client id, [scope, …]], …]`: a list, because the order counts. `lingpai.consents.dynamodb` writes it.
    consents = CompactJson(null=True)


class IdentityItem(Record):
    """A name that finds a user."""

    key = UnicodeAttribute(hash_key=True)
    user_id = Integer()
    addresses = JSONAttribute(null=True)


class RoleBookItem(Record):
    """All roles."""

    book = UnicodeAttribute(hash_key=True)
    names = CompactJson()
    next_id = Integer()
    version = Integer()


class FactorItem(Record):
    """An item of an account in the table of factors: its key. `id` begins with the kind of factor."""

    user_id = Integer(hash_key=True)
    id = UnicodeAttribute(range_key=True)


# The index of closed accounts: few, so that all have one key. It is empty, and costs nothing, while there are none.
_CLOSED_INDEX = "closed"
_CLOSING = "yes"
_ROLE_BOOK_KEY: Item = {"book": {"S": "roles"}}


def user_key(user_id: int) -> Item:
    """The key of an account."""
    return {"id": {"N": str(user_id)}}


def identity_key(key: str) -> Item:
    """The key of a name that finds a user."""
    return {"key": {"S": key}}


def factor_key(user_id: int, factor_id: str) -> Item:
    """The key of an item in the table of factors."""
    return {"user_id": {"N": str(user_id)}, "id": {"S": factor_id}}


def serialize_user(user: User) -> UserItem:
    """The account as an item, without the attributes that it has no value for."""
    profile = {name: text for name, text in by_seed_names(user.profile).items() if text is not None}
    return UserItem(
        id=user.id,
        created_at=user.created_at,
        username=user.username,
        mobile=user.mobile,
        email=asdict(user.email) if user.email else None,
        openids=[list(pair) for pair in user.openids] or None,
        password=user.password,
        digests=user.digests,
        password_set_at=user.password_set_at,
        roles=set(user.roles),
        disabled=user.disabled or None,
        detail=profile or None,
        imported_from=user.imported_from,
        second_factors=set(user.second_factors),
        closing=_CLOSING if user.closes_at is not None else None,
        closes_at=user.closes_at,
        agreements=[[*vars(agreement).values()] for agreement in user.agreements] or None,
    )


def deserialize_user(item: Item) -> User:
    """The account of an item."""
    return User(
        id=int(item["id"]["N"]),
        created_at=int(item["created_at"]["N"]),
        username=read_text(item, "username"),
        mobile=read_text(item, "mobile"),
        email=Email(**email) if (email := read_json(item, "email")) else None,
        openids=tuple((app, openid) for app, openid in read_json(item, "openids") or ()),
        password=read_text(item, "password"),
        digests=read_text(item, "digests"),
        password_set_at=read_optional_number(item, "password_set_at"),
        roles=frozenset(int(role_id) for role_id in item.get("roles", _NO_NUMBERS)["NS"]),
        disabled=read_flag(item, "disabled"),
        profile=from_seed_names(read_json(item, "detail") or {}),
        imported_from=read_text(item, "imported_from"),
        second_factors=frozenset(item.get("second_factors", _NO_TEXTS)["SS"]),
        sessions=read_optional_number(item, "sessions"),
        logins=read_optional_number(item, "logins"),
        ended_until=read_number(item, "ended_until"),
        closes_at=read_optional_number(item, "closes_at"),
        agreements=tuple(Agreement(*entry) for entry in read_json(item, "agreements") or ()),
    )


def _deserialize_user_id(item: Item) -> int:
    return int(item["user_id"]["N"])


def _deserialize_role_book(item: Item) -> RoleBook:
    return RoleBook(
        names=tuple((role_id, name) for role_id, name in read_json(item, "names")),
        next_id=int(item["next_id"]["N"]),
        version=int(item["version"]["N"]),
    )


class DynamoAccounts(DynamoTables):
    """`Accounts` and `Roles` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def find_user_id(self, key: str) -> int | None:
        """See `Accounts`."""
        item = self.get(self.settings.identities_table, identity_key(key))
        return _deserialize_user_id(item) if item else None

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """See `Accounts`."""
        table = self.settings.identities_table
        found = self.get_batch({table: [identity_key(key) for key in dict.fromkeys(keys) if may_be_key(key)]})
        return {item["key"]["S"]: _deserialize_user_id(item) for item in found[table]}

    def look_up_login(self, key: str, counters: tuple[str, ...]) -> LoginLookup:
        """See `Accounts`."""
        identities_table, counters_table = self.settings.identities_table, self.settings.counters_table
        found = self.get_batch({identities_table: [identity_key(key)], counters_table: map(counter_key, counters)})
        counts = {item["key"]["S"]: deserialize_counts(item) for item in found[counters_table]}
        identity = next(iter(found[identities_table]), None)
        return LoginLookup(
            user_id=_deserialize_user_id(identity) if identity else None,
            addresses=tuple(KnownAddress(mark, at) for mark, at in read_json(identity or {}, "addresses") or ()),
            counters={counter: counts.get(counter, {}) for counter in counters},
        )

    def get_user(self, user_id: int) -> User | None:
        """See `Accounts`."""
        item = self.get(self.settings.users_table, user_key(user_id))
        return deserialize_user(item) if item else None

    def directory(self, *user_ids: int) -> Directory:
        """See `Accounts`."""
        users_table, roles_table = self.settings.users_table, self.settings.roles_table
        found = self.get_batch({roles_table: [_ROLE_BOOK_KEY], users_table: map(user_key, dict.fromkeys(user_ids))})
        users = [deserialize_user(item) for item in found[users_table]]
        books = [_deserialize_role_book(item) for item in found[roles_table]]
        return Directory({user.id: user for user in users}, books[0] if books else RoleBook())

    def list_users(self, limit: int, after: int | None) -> Page:
        """See `Accounts`. The order is DynamoDB's: by a hash of the id."""
        start = {"ExclusiveStartKey": user_key(after)} if after is not None else {}
        answer = self.call("Scan", TableName=self.settings.users_table, Limit=limit, ConsistentRead=True, **start)
        last = answer.get("LastEvaluatedKey")
        users = tuple(deserialize_user(item) for item in answer["Items"] if not is_tombstone(item))
        return Page(users, int(last["id"]["N"]) if last else None)

    def list_closed(self, until: int, limit: int) -> tuple[int, ...]:
        """See `Accounts`."""
        answer = self.call(
            "Query",
            TableName=self.settings.users_table,
            IndexName=_CLOSED_INDEX,
            KeyConditionExpression="closing = :closing AND closes_at <= :until",
            ExpressionAttributeValues={":closing": {"S": _CLOSING}, ":until": {"N": str(until)}},
            Limit=limit,
        )
        return tuple(int(item["id"]["N"]) for item in answer["Items"])

    def list_factor_ids(self, user_id: int) -> tuple[str, ...]:
        """See `Accounts`."""
        return tuple(item["id"]["S"] for item in self.factor_items(user_id))

    def factor_items(self, user_id: int) -> Iterator[Item]:
        """The account's items in the table of factors, after all writes before it; one call for each megabyte."""
        return self.read_all(
            "Query",
            TableName=self.settings.factors_table,
            KeyConditionExpression="user_id = :user_id",
            ExpressionAttributeValues={":user_id": {"N": str(user_id)}},
            ConsistentRead=True,
        )

    def save_roles(self, book: RoleBook) -> bool:
        """See `Roles`. A transaction for its token, as in `DynamoStore.commit`."""
        item = RoleBookItem(
            book="roles",
            names=[list(entry) for entry in book.names],
            next_id=book.next_id,
            version=book.version + 1,
        )
        same_version = RoleBookItem.version == book.version if book.version else RoleBookItem.book.does_not_exist()
        action = put(self.settings.roles_table, _ROLE_BOOK_KEY, with_cause(item.serialize()), same_version)
        return self.transact(action) is None


def _put_user(settings: "Settings", write: PutUser) -> Action:
    item = serialize_user(write.user)
    item.sessions = item.logins = write.sessions
    return put(settings.users_table, user_key(write.user.id), with_cause(item.serialize()), absent(UserItem.id))


def _change_user(settings: "Settings", write: ChangeUser) -> Action:
    usable = _user_enabled() if write.reopens else _user_active()
    actions, condition = changes(serialize_user(write.before), serialize_user(write.after), usable)
    if actions:
        actions.append(keep_cause(write.why))
    if write.alone:
        condition &= _logins_are(write.before.logins)
    return _update_account(settings, write.before.id, write, condition, *actions)


def _check_user(settings: "Settings", write: CheckUser) -> Action:
    condition = _user_enabled() & UserItem.closes_at.exists() if write.closed else _user_active()
    if write.password is not None:
        condition &= UserItem.password == write.password
    if write.consented is not None:
        condition &= _has_consented(write.consented)
    return _update_account(settings, write.user_id, write, condition)


def _update_account(
    settings: "Settings", user_id: int, write: ChangeUser | CheckUser, condition: Condition, *updates: Change
) -> Action:
    """Update the account with the `count` and the check for `one_factor` of the write.

    Where one of these two fails, DynamoDB returns the account as it is.
    """
    if write.one_factor:
        condition &= UserItem.second_factors.does_not_exist()
    if write.count is not None:
        counting, below = _count(write.count)
        condition &= below
        updates = (*updates, *counting)
    action = update(settings.users_table, user_key(user_id), condition, *updates)
    if write.one_factor or write.count is not None:
        action.arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return action


def _count(count: Count) -> tuple[tuple[Change, ...], Condition]:
    """The updates that count one more session, and their condition."""
    sessions = UserItem.sessions
    condition: Condition
    if isinstance(count, OneMore):
        counted = sessions.set(sessions + 1)
        condition = sessions < count.most
    else:
        counted = sessions.set(count.now)
        condition = _logins_are(count.logins)
    if count.opened_at is not None:
        condition &= _ended_before(count.opened_at)
    return (counted, UserItem.logins.add(1)), condition


def _user_enabled() -> Condition:
    """The account exists and is not disabled."""
    enabled: Condition = present(UserItem.id) & UserItem.disabled.does_not_exist()
    return enabled


def _user_active() -> Condition:
    """The account exists, and is neither disabled nor closed."""
    active: Condition = _user_enabled() & UserItem.closes_at.does_not_exist()
    return active


def _has_consented(client_id: str) -> Condition:
    """The text of `consents` has an entry of this client: `["client id",[`."""
    # Not `UserItem.consents.contains`, which would serialize the text as JSON once more.
    has: Condition = Path("consents").contains(UserItem.consents.serialize([client_id, []]).removesuffix("]]"))
    return has


def _ended_before(at: int) -> Condition:
    """No session that was opened at this time has ended with all others of the account."""
    until = UserItem.ended_until
    earlier: Condition = until.does_not_exist() | (until < at)
    return earlier


def _check_role(settings: "Settings", write: CheckRole) -> Action:
    condition = _user_active() & UserItem.roles.contains(write.role_id)
    return update(settings.users_table, user_key(write.user_id), condition)


def _disable_user(settings: "Settings", write: DisableUser) -> Action:
    return _update_present(settings, write.user_id, UserItem.disabled.set(True))


def _enable_user(settings: "Settings", write: EnableUser) -> Action:
    return _update_present(settings, write.user_id, UserItem.disabled.remove())


def _update_present(settings: "Settings", user_id: int, change: Change) -> Action:
    """Change an account that may be disabled."""
    return update(settings.users_table, user_key(user_id), present(UserItem.id), change, keep_cause())


def _delete_user(settings: "Settings", write: DeleteUser) -> Action:
    item = serialize_user(write.user)
    condition = present(UserItem.id)
    for attribute in (UserItem.username, UserItem.mobile, UserItem.email, UserItem.openids):
        condition &= unchanged(attribute, item)
    if write.alone:
        condition &= _logins_are(write.user.logins)
    if write.closed:
        condition &= UserItem.closes_at == write.user.closes_at
    return bury(settings.users_table, user_key(write.user.id), condition)


def _logins_are(logins: int | None) -> Condition:
    return UserItem.logins.does_not_exist() if logins is None else UserItem.logins == logins


def _end_opened(settings: "Settings", write: EndOpened) -> Action:
    condition = present(UserItem.id) & _ended_before(write.until)
    updates = (UserItem.ended_until.set(write.until), UserItem.sessions.set(write.kept), keep_cause())
    return update(settings.users_table, user_key(write.user_id), condition, *updates)


def _put_identity(settings: "Settings", write: PutIdentity) -> Action:
    item = IdentityItem(key=write.key, user_id=write.user_id).serialize()
    return put(settings.identities_table, identity_key(write.key), item, IdentityItem.key.does_not_exist())


def _check_identity(settings: "Settings", write: CheckIdentity) -> Action:
    return update(settings.identities_table, identity_key(write.key), IdentityItem.user_id == write.user_id)


def _delete_identity(settings: "Settings", write: DeleteIdentity) -> Action:
    return delete(settings.identities_table, identity_key(write.key), IdentityItem.user_id == write.user_id)


def _delete_factor(settings: "Settings", write: DeleteFactor) -> Action:
    return delete(settings.factors_table, factor_key(write.user_id, write.id), FactorItem.user_id.exists())


def _remember_addresses(settings: "Settings", write: RememberAddresses) -> Action:
    addresses = IdentityItem.addresses.set([[address.mark, address.at] for address in write.addresses])
    return update(settings.identities_table, identity_key(write.key), IdentityItem.user_id == write.user_id, addresses)


ACTIONS: Actions = {
    PutUser: _put_user,
    ChangeUser: _change_user,
    CheckUser: _check_user,
    CheckRole: _check_role,
    DisableUser: _disable_user,
    EnableUser: _enable_user,
    DeleteUser: _delete_user,
    EndOpened: _end_opened,
    PutIdentity: _put_identity,
    CheckIdentity: _check_identity,
    DeleteIdentity: _delete_identity,
    DeleteFactor: _delete_factor,
    RememberAddresses: _remember_addresses,
}
