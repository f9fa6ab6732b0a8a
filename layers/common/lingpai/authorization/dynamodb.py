"""Authorization codes and pushed requests on DynamoDB, in the table of codes, each under its digest."""

from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute

from lingpai.authorization.model import AuthorizationCode, Login, PushedRequest
from lingpai.authorization.storage import (
    PutAuthorizationCode,
    PutPushedRequest,
    UseAuthorizationCode,
    UsePushedRequest,
)
from lingpai.aws.dynamodb.actions import Action, Actions, delete, put, update
from lingpai.aws.dynamodb.attributes import CompactJson, Integer, Item, Record, Texts
from lingpai.aws.dynamodb.reading import read_bytes, read_flag, read_json, read_number, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.kernel import base64url
from lingpai.sessions.model import SessionKey

if TYPE_CHECKING:
    from lingpai.settings import Settings

# How long a used code is kept, so that its second use is told from a guess, in seconds.
USED_KEPT = 3600


class AuthorizationCodeItem(Record):
    """A code. `number` is the key of the table, which it shares with the codes that are sent to numbers."""

    number = UnicodeAttribute(hash_key=True)
    client_id = UnicodeAttribute()
    redirect_uri = UnicodeAttribute(null=True)
    code_challenge = UnicodeAttribute()
    scope = Texts()
    resource = Texts(null=True)
    nonce = UnicodeAttribute(null=True)
    user_id = Integer()
    methods = Texts()
    auth_time = Integer()
    browser_session = BinaryAttribute(legacy_encoding=False)
    browser_opened_at = Integer()
    login_once = BooleanAttribute(null=True)
    sid = UnicodeAttribute(null=True)
    session = BinaryAttribute(legacy_encoding=False)
    salt = BinaryAttribute(legacy_encoding=False)
    expires_at = Integer()
    epoch = Integer(null=True)
    used_at = Integer(null=True)
    jkt = UnicodeAttribute(null=True)
    ttl = Integer()


class PushedRequestItem(Record):
    """A pushed request, in the same table."""

    number = UnicodeAttribute(hash_key=True)
    client_id = UnicodeAttribute()
    parameters = CompactJson()
    expires_at = Integer()
    ttl = Integer()


def _number(digest: bytes) -> str:
    return f"authorization:{base64url.encode(digest)}"


def _key(digest: bytes) -> Item:
    return {"number": {"S": _number(digest)}}


def serialize_code(code: AuthorizationCode) -> AuthorizationCodeItem:
    """The code as an item."""
    return AuthorizationCodeItem(
        number=_number(code.digest),
        client_id=code.client_id,
        redirect_uri=code.redirect_uri or None,
        code_challenge=code.code_challenge,
        scope=list(code.scope),
        resource=list(code.resource) or None,
        nonce=code.nonce,
        user_id=code.login.user_id,
        methods=list(code.login.methods),
        auth_time=code.login.auth_time,
        browser_session=code.login.session.id,
        browser_opened_at=code.login.opened_at,
        login_once=code.login.once or None,
        sid=code.login.sid,
        session=code.opens.id,
        salt=code.salt,
        expires_at=code.expires_at,
        epoch=code.epoch or None,
        jkt=code.jkt,
        ttl=code.expires_at,
    )


def _deserialize_code(digest: bytes, item: Item) -> AuthorizationCode:
    user_id = int(item["user_id"]["N"])
    return AuthorizationCode(
        digest=digest,
        client_id=item["client_id"]["S"],
        redirect_uri=read_text(item, "redirect_uri") or "",
        code_challenge=item["code_challenge"]["S"],
        scope=read_texts(item, "scope"),
        resource=read_texts(item, "resource"),
        nonce=read_text(item, "nonce"),
        login=Login(
            user_id=user_id,
            methods=read_texts(item, "methods"),
            auth_time=int(item["auth_time"]["N"]),
            session=SessionKey(user_id, item["browser_session"]["B"]),
            opened_at=int(item["browser_opened_at"]["N"]),
            once=read_flag(item, "login_once"),
            sid=read_text(item, "sid"),
        ),
        opens=SessionKey(user_id, item["session"]["B"]),
        salt=read_bytes(item, "salt") or b"",
        expires_at=int(item["expires_at"]["N"]),
        epoch=read_number(item, "epoch"),
        used_at=read_number(item, "used_at"),
        jkt=read_text(item, "jkt"),
    )


def _serialize_request(request: PushedRequest) -> PushedRequestItem:
    return PushedRequestItem(
        number=_number(request.digest),
        client_id=request.client_id,
        parameters=[list(pair) for pair in request.parameters],
        expires_at=request.expires_at,
        ttl=request.expires_at,
    )


def _deserialize_request(digest: bytes, item: Item) -> PushedRequest:
    return PushedRequest(
        digest=digest,
        client_id=item["client_id"]["S"],
        parameters=tuple((name, value) for name, value in read_json(item, "parameters")),
        expires_at=int(item["expires_at"]["N"]),
    )


class DynamoAuthorizations(DynamoTables):
    """`Authorizations` on DynamoDB. Each method is one call."""

    def get_authorization_code(self, digest: bytes) -> AuthorizationCode | None:
        """See `Authorizations`."""
        item = self.get(self.settings.codes_table, _key(digest))
        return _deserialize_code(digest, item) if item else None

    def get_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """See `Authorizations`."""
        item = self.get(self.settings.codes_table, _key(digest))
        return _deserialize_request(digest, item) if item else None


def _put_code(settings: "Settings", write: PutAuthorizationCode) -> Action:
    """Without a condition: the key is random."""
    return put(settings.codes_table, _key(write.code.digest), serialize_code(write.code).serialize())


def _use_code(settings: "Settings", write: UseAuthorizationCode) -> Action:
    code = AuthorizationCodeItem
    return update(
        settings.codes_table,
        _key(write.digest),
        code.used_at.does_not_exist() & (code.expires_at > write.now),
        code.used_at.set(write.now),
        code.ttl.set(write.now + USED_KEPT),
    )


def _put_request(settings: "Settings", write: PutPushedRequest) -> Action:
    """Without a condition: the key is random."""
    return put(settings.codes_table, _key(write.request.digest), _serialize_request(write.request).serialize())


def _use_request(settings: "Settings", write: UsePushedRequest) -> Action:
    return delete(settings.codes_table, _key(write.digest), PushedRequestItem.number.exists())


ACTIONS: Actions = {
    PutAuthorizationCode: _put_code,
    UseAuthorizationCode: _use_code,
    PutPushedRequest: _put_request,
    UsePushedRequest: _use_request,
}
