"""Pending logins on DynamoDB, in the table of codes."""

from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from lingpai.aws.dynamodb.actions import Action, Actions, delete, put
from lingpai.aws.dynamodb.attributes import CompactJson, Integer, Item, Record, Texts
from lingpai.aws.dynamodb.reading import read_bytes, read_json, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.kernel import base64url
from lingpai.pending_logins.model import AppRequest, FirstFactor, PendingLogin
from lingpai.pending_logins.storage import PutPendingLogin, UsePendingLogin

if TYPE_CHECKING:
    from lingpai.settings import Settings


class PendingLoginItem(Record):
    """A pending login. `number` is the key of the table, which it shares with the codes that are sent to numbers."""

    number = UnicodeAttribute(hash_key=True)
    expires_at = Integer()
    ttl = Integer()
    # Of the first factor.
    user_id = Integer(null=True)
    methods = Texts(null=True)
    auth_time = Integer(null=True)
    identity = UnicodeAttribute(null=True)
    password_hash = BinaryAttribute(legacy_encoding=False, null=True)
    new_password = UnicodeAttribute(null=True)
    new_digests = UnicodeAttribute(null=True)
    # Of the app.
    client_id = UnicodeAttribute(null=True)
    parameters = CompactJson(null=True)
    pushed = BinaryAttribute(legacy_encoding=False, null=True)
    jkt = UnicodeAttribute(null=True)
    mobile = UnicodeAttribute(null=True)


def _number(digest: bytes) -> str:
    return f"pending-login:{base64url.encode(digest)}"


def _key(digest: bytes) -> Item:
    return {"number": {"S": _number(digest)}}


def serialize_pending_login(login: PendingLogin) -> PendingLoginItem:
    """The pending login as an item."""
    first, app = login.first, login.app
    item = PendingLoginItem(number=_number(login.digest), expires_at=login.expires_at, ttl=login.expires_at)
    if first is not None:
        item.user_id, item.methods, item.auth_time = first.user_id, list(first.methods), first.auth_time
        item.identity, item.password_hash = first.identity, first.password_hash
        item.new_password, item.new_digests = first.new_password, first.new_digests
    if app is not None:
        item.client_id, item.parameters = app.client_id, [list(pair) for pair in app.parameters]
        item.pushed, item.jkt, item.mobile = app.pushed, app.jkt, app.number
    return item


def _deserialize(digest: bytes, item: Item) -> PendingLogin:
    return PendingLogin(
        digest=digest,
        expires_at=int(item["expires_at"]["N"]),
        first=_first_factor(item) if "user_id" in item else None,
        app=_app_request(item) if "parameters" in item else None,
    )


def _first_factor(item: Item) -> FirstFactor:
    return FirstFactor(
        user_id=int(item["user_id"]["N"]),
        methods=read_texts(item, "methods"),
        auth_time=int(item["auth_time"]["N"]),
        identity=read_text(item, "identity"),
        password_hash=read_bytes(item, "password_hash"),
        new_password=read_text(item, "new_password"),
        new_digests=read_text(item, "new_digests"),
    )


def _app_request(item: Item) -> AppRequest:
    return AppRequest(
        client_id=item["client_id"]["S"],
        parameters=tuple((name, value) for name, value in read_json(item, "parameters")),
        pushed=read_bytes(item, "pushed"),
        jkt=read_text(item, "jkt"),
        number=read_text(item, "mobile"),
    )


class DynamoPendingLogins(DynamoTables):
    """`PendingLogins` on DynamoDB. Each method is one call."""

    def get_pending_login(self, digest: bytes) -> PendingLogin | None:
        """See `PendingLogins`."""
        item = self.get(self.settings.codes_table, _key(digest))
        return _deserialize(digest, item) if item else None


def _put(settings: "Settings", write: PutPendingLogin) -> Action:
    """Without a condition: the key is random."""
    return put(settings.codes_table, _key(write.login.digest), serialize_pending_login(write.login).serialize())


def _use(settings: "Settings", write: UsePendingLogin) -> Action:
    item = PendingLoginItem
    return delete(settings.codes_table, _key(write.digest), item.number.exists() & (item.expires_at > write.now))


ACTIONS: Actions = {PutPendingLogin: _put, UsePendingLogin: _use}
