"""Browser sessions on DynamoDB: items of the sessions table that have a `browser_hash`, and no client."""

from itertools import islice
from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from lingpai.accounts.dynamodb import deserialize_user, user_key
from lingpai.aws.dynamodb.actions import Action, Actions, put, update
from lingpai.aws.dynamodb.attributes import Integer, Item, Record, Texts
from lingpai.aws.dynamodb.audited import keep_cause, with_cause
from lingpai.aws.dynamodb.reading import read_number, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.browser_sessions.model import BrowserSession, Place
from lingpai.browser_sessions.storage import (
    BrowserLookup,
    PutBrowserSession,
    RaiseBrowserSession,
    TouchBrowserSession,
)
from lingpai.consents.dynamodb import deserialize_consents
from lingpai.sessions.dynamodb import deserialize_session, session_key
from lingpai.sessions.model import Session, SessionKey

if TYPE_CHECKING:
    from lingpai.settings import Settings


class BrowserSessionItem(Record):
    """What a browser session has beside its key, its device and its `ttl`."""

    browser_hash = BinaryAttribute(legacy_encoding=False)
    created_at = Integer()
    used_at = Integer()
    idle_until = Integer()
    ends_at = Integer()
    auth_time = Integer()
    methods = Texts()
    epoch = Integer(null=True)
    # Chinese and English.
    place = Texts(null=True)
    # As token families have it; absent where it is the id of the session itself.
    sid = UnicodeAttribute(null=True)


def _serialize(session: BrowserSession, ttl: int) -> Item:
    attributes = BrowserSessionItem(
        browser_hash=session.secret_hash,
        created_at=session.created_at,
        used_at=session.used_at,
        idle_until=session.idle_until,
        ends_at=session.ends_at,
        auth_time=session.auth_time,
        methods=list(session.methods),
        epoch=session.epoch or None,
        place=[session.place.zh, session.place.en] if session.place else None,
        sid=session.kept_sid,
    )
    device: Item = {"device": {"S": session.device}} if session.device else {}
    return {**session_key(session.key), **attributes.serialize(), **device, "ttl": {"N": str(ttl)}}


def _deserialize(item: Item) -> BrowserSession:
    place = read_texts(item, "place")
    return BrowserSession(
        key=SessionKey(int(item["owner"]["N"]), item["id"]["B"]),
        secret_hash=item["browser_hash"]["B"],
        created_at=read_number(item, "created_at"),
        used_at=read_number(item, "used_at"),
        idle_until=read_number(item, "idle_until"),
        ends_at=read_number(item, "ends_at"),
        auth_time=read_number(item, "auth_time"),
        methods=read_texts(item, "methods"),
        device=read_text(item, "device") or "",
        epoch=read_number(item, "epoch"),
        place=Place(*place) if place else None,
        kept_sid=read_text(item, "sid"),
    )


class DynamoBrowserSessions(DynamoTables):
    """`BrowserSessions` on DynamoDB."""

    def look_up_browser(self, key: SessionKey) -> BrowserLookup:
        """See `BrowserSessions`; one call."""
        sessions_table, users_table = self.settings.sessions_table, self.settings.users_table
        found = self.get_batch({sessions_table: [session_key(key)], users_table: [user_key(key.owner)]})
        sessions = [_deserialize(item) for item in found[sessions_table] if "browser_hash" in item]
        session = sessions[0] if sessions else None
        if not found[users_table]:
            return BrowserLookup(session, None)
        (account,) = found[users_table]
        return BrowserLookup(session, deserialize_user(account), deserialize_consents(account))

    def list_sessions(self, user_id: int, most: int) -> tuple[Session | BrowserSession, ...]:
        """See `BrowserSessions`; one call for each megabyte of sessions."""
        items = self.read_all(
            "Query",
            TableName=self.settings.sessions_table,
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"N": str(user_id)}},
            ConsistentRead=True,
            Limit=most,
        )
        found = (
            _deserialize(item) if "browser_hash" in item else deserialize_session(item) for item in islice(items, most)
        )
        return tuple(session for session in found if session is not None)


def _put_browser_session(settings: "Settings", write: PutBrowserSession) -> Action:
    """Without a condition: the key holds 64 random bits."""
    item = with_cause(_serialize(write.session, write.ttl))
    return put(settings.sessions_table, session_key(write.session.key), item)


def _touch_browser_session(settings: "Settings", write: TouchBrowserSession) -> Action:
    item = BrowserSessionItem
    return update(
        settings.sessions_table,
        session_key(write.key),
        item.browser_hash.exists(),
        item.used_at.set(write.used_at),
        item.idle_until.set(write.idle_until),
    )


def _raise_browser_session(settings: "Settings", write: RaiseBrowserSession) -> Action:
    item = BrowserSessionItem
    changed = item.methods.set(list(write.methods))
    return update(settings.sessions_table, session_key(write.key), item.browser_hash.exists(), changed, keep_cause())


ACTIONS: Actions = {
    PutBrowserSession: _put_browser_session,
    TouchBrowserSession: _touch_browser_session,
    RaiseBrowserSession: _raise_browser_session,
}
