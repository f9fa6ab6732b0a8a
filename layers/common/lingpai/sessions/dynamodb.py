"""Sessions on DynamoDB: token families, and revoked tokens that have no session."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from lingpai.aws.dynamodb.actions import Action, Actions, delete, put, update
from lingpai.aws.dynamodb.attributes import Integer, Item, Record
from lingpai.aws.dynamodb.audited import bury, mark_deleted, present, tombstone, with_cause
from lingpai.aws.dynamodb.expressions import Arguments, expressions
from lingpai.aws.dynamodb.reading import read_bytes, read_list, read_number, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables, Refused
from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.sessions.storage import (
    HISTORY_MAX,
    CheckSession,
    Ended,
    EndSession,
    History,
    PutSession,
    Rotated,
    Rotation,
    SessionSpan,
)

if TYPE_CHECKING:
    from lingpai.settings import Settings

# The attributes of a `SessionSpan`.
_SPAN_ATTRIBUTES = ("owner", "id", "created_at", "ends_at", "access_expires_at", "refresh_expires_at", "idle_until")
# The layout of a stored rotation: its time in 5 bytes, its mark up to byte 13, its salt.
_REPLACED_AT_BYTES, _REPLACED_MARK_END = 5, 13


class SessionItem(Record):
    """The attributes of a token family that conditions use; `serialize_session` and `rotate_update` write all others.

    The owner is the partition key, so that one consistent query finds a user's sessions.
    """

    owner = Integer(hash_key=True)
    client_id = UnicodeAttribute()
    access_hash = BinaryAttribute(legacy_encoding=False)
    refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_refresh_hash = BinaryAttribute(legacy_encoding=False, null=True)
    previous_access_hash = BinaryAttribute(legacy_encoding=False, null=True)


def session_key(key: SessionKey) -> Item:
    """The key of a session."""
    return {"owner": {"N": str(key.owner)}, "id": {"B": key.id}}


def serialize_replaced(replaced: Replaced) -> bytes:
    """A recorded rotation as one binary value."""
    return replaced.at.to_bytes(_REPLACED_AT_BYTES) + replaced.mark + replaced.salt


def _read_replaced(item: Item, name: str) -> tuple[Replaced, ...]:
    values = (value["B"] for value in read_list(item, name))
    at, mark = _REPLACED_AT_BYTES, _REPLACED_MARK_END
    return tuple(Replaced(int.from_bytes(raw[:at]), raw[at:mark], raw[mark:]) for raw in values)


def serialize_session(session: Session, ttl: int) -> Item:
    """A new session as an item that expires at `ttl`. Written out for speed, since each login makes one."""
    item: Item = {
        **session_key(session.key),
        "client_id": {"S": session.client_id},
        "scope": {"L": [{"S": word} for word in session.scope]},
        "created_at": {"N": str(session.created_at)},
        "ends_at": {"N": str(session.ends_at)},
        "access_hash": {"B": session.access_hash},
        "access_expires_at": {"N": str(session.access_expires_at)},
        "access_scope": {"L": [{"S": word} for word in session.access_scope]},
        "ttl": {"N": str(ttl)},
    }
    if session.refresh_hash is not None:
        item["refresh_hash"] = {"B": session.refresh_hash}
    if session.refresh_expires_at:
        item["refresh_expires_at"] = {"N": str(session.refresh_expires_at)}
    if session.family_hash is not None:
        item["family_hash"] = {"B": session.family_hash}
    if session.auth_time:
        item["auth_time"] = {"N": str(session.auth_time)}
    if session.epoch:
        item["epoch"] = {"N": str(session.epoch)}
    if session.methods:
        item["methods"] = {"L": [{"S": method} for method in session.methods]}
    if session.audience:
        item["audience"] = {"L": [{"S": resource} for resource in session.audience]}
    if session.access_audience:
        item["access_audience"] = {"L": [{"S": resource} for resource in session.access_audience]}
    if session.sid is not None:
        item["sid"] = {"S": session.sid}
    if session.jkt is not None:
        item["jkt"] = {"S": session.jkt}
    return item


def deserialize_session(item: Item | None) -> Session | None:
    """The session; None for no item, for the mark of a revoked token without a session, and for a browser session."""
    if item is None or "client_id" not in item:
        return None
    return Session(
        key=SessionKey(int(item["owner"]["N"]), item["id"]["B"]),
        client_id=item["client_id"]["S"],
        scope=read_texts(item, "scope"),
        created_at=int(item["created_at"]["N"]),
        ends_at=int(item["ends_at"]["N"]),
        access_hash=item["access_hash"]["B"],
        access_expires_at=int(item["access_expires_at"]["N"]),
        access_scope=read_texts(item, "access_scope"),
        refresh_hash=read_bytes(item, "refresh_hash"),
        refresh_expires_at=read_number(item, "refresh_expires_at"),
        rotated_at=read_number(item, "rotated_at"),
        salt=read_bytes(item, "salt"),
        previous_refresh_hash=read_bytes(item, "previous_refresh_hash"),
        previous_access_hash=read_bytes(item, "previous_access_hash"),
        previous_access_expires_at=read_number(item, "previous_access_expires_at"),
        previous_access_scope=read_texts(item, "previous_access_scope"),
        auth_time=read_number(item, "auth_time"),
        methods=read_texts(item, "methods"),
        family_hash=read_bytes(item, "family_hash"),
        earlier=_read_replaced(item, "earlier"),
        recent=_read_replaced(item, "recent"),
        epoch=read_number(item, "epoch"),
        audience=read_texts(item, "audience"),
        access_audience=read_texts(item, "access_audience"),
        previous_access_audience=read_texts(item, "previous_access_audience"),
        sid=read_text(item, "sid"),
        jkt=read_text(item, "jkt"),
        previous_jkt=read_text(item, "previous_jkt") or None,
    )


def _deserialize_span(item: Item) -> SessionSpan:
    # Only browser sessions have `idle_until`.
    good_until = max(read_number(item, name) for name in ("access_expires_at", "refresh_expires_at", "idle_until"))
    return SessionSpan(
        key=SessionKey(int(item["owner"]["N"]), item["id"]["B"]),
        opened_at=read_number(item, "created_at"),
        over_at=min(read_number(item, "ends_at"), good_until),
    )


class DynamoSessions(DynamoTables):
    """`Sessions` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def get_session(self, key: SessionKey) -> Session | None:
        """See `Sessions`."""
        return deserialize_session(self.get(self.settings.sessions_table, session_key(key)))

    def rotate(self, rotation: Rotation) -> Rotated:
        """See `Sessions`. The session comes back in the same call, whether it was rotated or not."""
        try:
            answer = self.call(
                "UpdateItem",
                TableName=self.settings.sessions_table,
                Key=session_key(rotation.key),
                ReturnValues="ALL_NEW",
                **rotate_update(rotation),
            )
        except Refused as refused:
            return Rotated(False, deserialize_session(refused.item))
        return Rotated(True, deserialize_session(answer["Attributes"]))

    def delete_matching(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """See `Sessions`.

        The session of a client's own token was put by a plain call, whose first attempt may still arrive. So its item
        stays, without its secrets, until the token would have expired.
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
        if key.user_id is None:
            changes = (item.client_id.remove(), item.access_hash.remove(), *mark_deleted())
            operation, arguments = "UpdateItem", {"Key": session_key(key), **expressions(condition, *changes)}
        else:
            operation, arguments = "PutItem", {"Item": tombstone(session_key(key)), **expressions(condition)}
        try:
            self.call(operation, TableName=self.settings.sessions_table, **arguments)
        except Refused as refused:
            return Ended(False, deserialize_session(refused.item))
        return Ended(True, None)

    def revoke_jti(self, key: SessionKey, ttl: int) -> None:
        """See `Sessions`. No session has the key of such a token, so their table keeps it."""
        item = {**session_key(key), "ttl": {"N": str(ttl)}}
        self.call("PutItem", TableName=self.settings.sessions_table, Item=item)

    def is_revoked(self, key: SessionKey) -> bool:
        """See `Sessions`."""
        return self.get(self.settings.sessions_table, session_key(key)) is not None

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """See `Sessions`; one call for each megabyte of sessions."""
        found = islice(self._query(user_id, ("id",), most), most)
        return tuple(SessionKey(user_id, item["id"]["B"]) for item in found)

    def opened_at(self, key: SessionKey) -> int | None:
        """See `Sessions`."""
        item = self.get(self.settings.sessions_table, session_key(key)) or {}
        return read_number(item, "created_at") or None

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """See `Sessions`; one call for each megabyte of sessions."""
        return tuple(map(_deserialize_span, self._query(user_id, _SPAN_ATTRIBUTES)))

    def _query(self, user_id: int, attributes: tuple[str, ...], page: int | None = None) -> Iterator[Item]:
        """These attributes of all sessions of the user; a call reads at most `page` of them."""
        return self.read_all(
            "Query",
            TableName=self.settings.sessions_table,
            KeyConditionExpression="#owner = :owner",
            ProjectionExpression=", ".join(f"#{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in ("owner", "deleted", *attributes)},
            ExpressionAttributeValues={":owner": {"N": str(user_id)}},
            FilterExpression="attribute_not_exists(#deleted)",
            ConsistentRead=True,
            **({"Limit": page} if page else {}),
        )

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """See `Sessions`; one call for one session, or for each 25."""
        self.delete_all(self.settings.sessions_table, tuple(map(session_key, keys)))


def _put_session(settings: "Settings", write: PutSession) -> Action:
    """Without a condition: the key holds 64 random bits."""
    item = with_cause(serialize_session(write.session, write.ttl))
    return put(settings.sessions_table, session_key(write.session.key), item)


def _end_session(settings: "Settings", write: EndSession) -> Action:
    there = present(SessionItem.owner) if write.must_exist else None
    end = delete if write.evicted else bury
    return end(settings.sessions_table, session_key(write.key), there)


def _check_session(settings: "Settings", write: CheckSession) -> Action:
    return update(settings.sessions_table, session_key(write.key), present(SessionItem.owner))


ACTIONS: Actions = {PutSession: _put_session, EndSession: _end_session, CheckSession: _check_session}

# DynamoDB reads all right-hand sides before it writes, so the current values become the previous ones.
_ROTATED = {
    "previous_refresh_hash": "#refresh_hash",
    "previous_access_hash": "#access_hash",
    "previous_access_expires_at": "#access_expires_at",
    "previous_access_scope": "#access_scope",
    "access_hash": ":access_hash",
    "access_expires_at": ":access_expires_at",
    "access_scope": "#scope",
    "refresh_hash": ":refresh_hash",
    "refresh_expires_at": ":refresh_expires_at",
    "rotated_at": ":now",
    "salt": ":salt",
    "ttl": ":ttl",
    "family_hash": ":family_hash",
}
# DynamoDB rejects names that no expression uses, so the condition uses #scope even if the request has none.
_ROTATES = (
    "#refresh_hash = :presented_hash AND #client_id = :client_id AND attribute_exists(#scope)"
    " AND #refresh_expires_at > :now AND #ends_at > :now"
)
_ROTATION_NAMES = {f"#{name}": name for name in (*_ROTATED, "scope", "client_id", "ends_at", "recent", "jkt")}
_ROTATION = "SET " + ", ".join(f"#{name} = {value}" for name, value in _ROTATED.items())
_NARROWED = _ROTATION.replace("#access_scope = #scope", "#access_scope = :scope")
# Only for clients with resources. Sessions of earlier versions have no audience.
_AUDIENCE_NAMES = {f"#{name}": name for name in ("audience", "access_audience", "previous_access_audience")}
_READDRESSED = ", #previous_access_audience = if_not_exists(#access_audience, :nobody), #access_audience = "
# Only for refreshes with a DPoP proof. No key is an empty text, since an update cannot copy what is not there.
_BOUND = ", #previous_jkt = if_not_exists(#jkt, :unbound), #jkt = :jkt"
# Sessions of earlier versions have neither list.
_REMEMBERED = {
    History.APPEND: ", #recent = list_append(if_not_exists(#recent, :none), :replaced)",
    History.SHIFT: ", #earlier = if_not_exists(#recent, :none), #recent = :replaced",
    History.RESTART: ", #recent = :replaced REMOVE #earlier",
}


def rotate_update(rotation: Rotation) -> Arguments:
    """The update of a session by a refresh, and its condition.

    Written out for speed: the text is nearly always the same, and PynamoDB would compose it anew for each refresh.
    """
    history = rotation.history
    values: Item = {
        ":presented_hash": {"B": rotation.presented_hash},
        ":client_id": {"S": rotation.client_id},
        ":now": {"N": str(rotation.now)},
        ":access_hash": {"B": rotation.access_hash},
        ":access_expires_at": {"N": str(rotation.access_expires_at)},
        ":refresh_hash": {"B": rotation.refresh_hash},
        ":refresh_expires_at": {"N": str(rotation.refresh_expires_at)},
        ":salt": {"B": rotation.salt},
        ":ttl": {"N": str(rotation.ttl)},
        ":family_hash": {"B": rotation.family_hash},
        ":replaced": {"L": [{"B": serialize_replaced(rotation.replaced)}]},
    }
    names = _ROTATION_NAMES
    condition = _ROTATES
    if history is not History.RESTART:
        values[":none"] = {"L": []}
    if history is History.APPEND:
        values[":most"] = {"N": str(HISTORY_MAX)}
        condition += " AND (attribute_not_exists(#recent) OR size(#recent) < :most)"
    else:
        names = {**names, "#earlier": "earlier"}
    if rotation.scope is not None:
        wanted: Item = {f":scope{index}": {"S": word} for index, word in enumerate(rotation.scope)}
        condition += "".join(f" AND contains(#scope, {name})" for name in wanted)
        values |= {":scope": {"L": list(wanted.values())}, **wanted}
    sets = _ROTATION if rotation.scope is None else _NARROWED
    if rotation.audience is not None:
        names = {**names, **_AUDIENCE_NAMES}
        resources: Item = {f":audience{index}": {"S": word} for index, word in enumerate(rotation.audience)}
        condition += "".join(f" AND contains(#audience, {name})" for name in resources)
        values |= {":nobody": {"L": []}, **resources}
        if resources:
            values[":audience"] = {"L": list(resources.values())}
        sets += _READDRESSED + (":audience" if resources else "if_not_exists(#audience, :nobody)")
    if rotation.jkt is None:
        condition += " AND attribute_not_exists(#jkt)"
    else:
        names = {**names, "#previous_jkt": "previous_jkt"}
        values |= {":jkt": {"S": rotation.jkt}, ":unbound": {"S": ""}}
        sets += _BOUND
        if rotation.same_key:
            condition += " AND (attribute_not_exists(#jkt) OR #jkt = :jkt)"
    return {
        "ConditionExpression": condition,
        "UpdateExpression": sets + _REMEMBERED[history],
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
