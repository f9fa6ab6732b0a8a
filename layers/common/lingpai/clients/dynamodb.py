"""Clients on DynamoDB: their records, and the deployment's record among them."""

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute

from lingpai.aws.dynamodb.actions import Action, Actions, put, update
from lingpai.aws.dynamodb.attributes import CompactJson, Integer, Item, Record, Texts
from lingpai.aws.dynamodb.audited import absent, keep_cause, present, with_cause
from lingpai.aws.dynamodb.expressions import changes, expressions, unchanged
from lingpai.aws.dynamodb.reading import read_bytes, read_flag, read_json, read_number, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables, Refused, may_be_key
from lingpai.clients.model import ID_TOKEN_ALG, Client, EndedAccount
from lingpai.clients.storage import ClientLookup, ClientPage, SaveEnded

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition

    from lingpai.settings import Settings

# The id of the deployment's record, which no client has.
DEPLOYMENT = "lingpai:deployment"


class ClientItem(Record):
    """A client's record."""

    client_id = UnicodeAttribute(hash_key=True)
    dialect = UnicodeAttribute()
    grants = Texts()
    scopes = Texts()
    access_ttl = Integer()
    refresh_ttl = Integer()
    session_ttl = Integer()
    secret_hash = BinaryAttribute(legacy_encoding=False, null=True)
    token_format = UnicodeAttribute()
    token_alg = UnicodeAttribute()
    roles = Texts()
    sign_provider = UnicodeAttribute(null=True)
    sign_app = UnicodeAttribute()
    disabled = BooleanAttribute(null=True)
    api = UnicodeAttribute(null=True)
    introspect = BooleanAttribute(null=True)
    claims = Texts(null=True)
    valid_from = Integer(null=True)
    # Only in the deployment's record: user id, until, and the id of the session that is kept, if any.
    ended = CompactJson(null=True)
    codes_from = Texts(null=True)
    forwards_address = BooleanAttribute(null=True)
    redirect_uris = Texts(null=True)
    post_logout_redirect_uris = Texts(null=True)
    first_party = BooleanAttribute(null=True)
    name = UnicodeAttribute(null=True)
    logo = UnicodeAttribute(null=True)
    colour = UnicodeAttribute(null=True)
    terms = UnicodeAttribute(null=True)
    policy = UnicodeAttribute(null=True)
    id_token_alg = UnicodeAttribute(null=True)
    resources = Texts(null=True)
    dpop_bound_access_tokens = BooleanAttribute(null=True)
    mfa = UnicodeAttribute(null=True)
    backchannel_logout_uri = UnicodeAttribute(null=True)
    backchannel_logout_session_required = BooleanAttribute(null=True)


def client_key(client_id: str) -> Item:
    """The key of a client's record."""
    return {"client_id": {"S": client_id}}


def serialize_client(client: Client) -> ClientItem:
    """The record as an item."""
    return ClientItem(
        client_id=client.id,
        dialect=client.dialect,
        grants=sorted(client.grants),
        scopes=list(client.scopes),
        access_ttl=client.access_ttl,
        refresh_ttl=client.refresh_ttl,
        session_ttl=client.session_ttl,
        secret_hash=client.secret_hash,
        token_format=client.token_format,
        token_alg=client.token_alg,
        roles=sorted(client.roles),
        sign_provider=client.sign_provider,
        sign_app=client.sign_app,
        disabled=client.disabled or None,
        api=client.api,
        introspect=client.introspect or None,
        claims=sorted(client.claims) or None,
        valid_from=client.valid_from or None,
        codes_from=sorted(client.codes_from) or None,
        forwards_address=client.forwards_address or None,
        redirect_uris=list(client.redirect_uris) or None,
        post_logout_redirect_uris=list(client.post_logout_redirect_uris) or None,
        first_party=client.first_party or None,
        name=client.name,
        logo=client.logo,
        colour=client.colour,
        terms=client.terms,
        policy=client.policy,
        id_token_alg=client.id_token_alg if client.id_token_alg != ID_TOKEN_ALG else None,
        resources=list(client.resources) or None,
        dpop_bound_access_tokens=client.dpop_bound_access_tokens or None,
        mfa=client.mfa,
        backchannel_logout_uri=client.backchannel_logout_uri,
        backchannel_logout_session_required=client.backchannel_logout_session_required or None,
    )


def _deserialize_client(item: Item) -> Client:
    return Client(
        id=item["client_id"]["S"],
        dialect=item["dialect"]["S"],
        grants=frozenset(read_texts(item, "grants")),
        scopes=read_texts(item, "scopes"),
        access_ttl=int(item["access_ttl"]["N"]),
        refresh_ttl=int(item["refresh_ttl"]["N"]),
        session_ttl=int(item["session_ttl"]["N"]),
        secret_hash=read_bytes(item, "secret_hash"),
        token_format=item["token_format"]["S"],
        token_alg=item["token_alg"]["S"],
        roles=frozenset(read_texts(item, "roles")),
        sign_provider=read_text(item, "sign_provider"),
        sign_app=item["sign_app"]["S"],
        disabled=read_flag(item, "disabled"),
        api=read_text(item, "api"),  # type: ignore[arg-type]  # only rights are written
        introspect=read_flag(item, "introspect"),
        claims=frozenset(read_texts(item, "claims")),  # type: ignore[arg-type]  # only names of claims are written
        valid_from=read_number(item, "valid_from"),
        codes_from=frozenset(read_texts(item, "codes_from")),
        forwards_address=read_flag(item, "forwards_address"),
        redirect_uris=read_texts(item, "redirect_uris"),
        post_logout_redirect_uris=read_texts(item, "post_logout_redirect_uris"),
        first_party=read_flag(item, "first_party"),
        name=read_text(item, "name"),
        logo=read_text(item, "logo"),
        colour=read_text(item, "colour"),
        terms=read_text(item, "terms"),
        policy=read_text(item, "policy"),
        id_token_alg=read_text(item, "id_token_alg") or ID_TOKEN_ALG,
        resources=read_texts(item, "resources"),
        dpop_bound_access_tokens=read_flag(item, "dpop_bound_access_tokens"),
        mfa=read_text(item, "mfa"),  # type: ignore[arg-type]  # only `ignore` is written
        backchannel_logout_uri=read_text(item, "backchannel_logout_uri"),
        backchannel_logout_session_required=read_flag(item, "backchannel_logout_session_required"),
    )


def _is_client(item: Item) -> bool:
    """Whether this is a client's record, and not the deployment's."""
    return "dialect" in item


def _deserialize_ended(item: Item) -> tuple[EndedAccount, ...]:
    listed = read_json(item, "ended") or ()
    return tuple(EndedAccount(user_id, until, bytes.fromhex(kept) if kept else None) for user_id, until, kept in listed)


def _serialize_ended(accounts: tuple[EndedAccount, ...]) -> list[list[Any]]:
    return [[account.user_id, account.until, account.kept.hex() if account.kept else None] for account in accounts]


class DynamoClients(DynamoTables):
    """`ClientWriter` and `EndedAccounts` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def get_client(self, client_id: str) -> Client | None:
        """See `Clients`."""
        item = self.get(self.settings.clients_table, client_key(client_id))
        return _deserialize_client(item) if item and _is_client(item) else None

    def look_up_client(self, client_id: str) -> ClientLookup:
        """See `ClientSource`."""
        if client_id == DEPLOYMENT or not may_be_key(client_id):
            return ClientLookup(None, 0, None)
        table = self.settings.clients_table
        found = self.get_batch({table: [client_key(client_id), client_key(DEPLOYMENT)]})[table]
        deployment = next((item for item in found if not _is_client(item)), {})
        return ClientLookup(
            client=next((_deserialize_client(item) for item in found if _is_client(item)), None),
            valid_from=read_number(deployment, "valid_from"),
            ended=_deserialize_ended(deployment),
        )

    def put_client(self, client: Client) -> None:
        """See `ClientWriter`."""
        item = with_cause(serialize_client(client).serialize())
        self.transact(put(self.settings.clients_table, client_key(client.id), item))

    def create_client(self, client: Client) -> bool:
        """See `ClientWriter`."""
        item, new = with_cause(serialize_client(client).serialize()), absent(ClientItem.client_id)
        return self.transact(put(self.settings.clients_table, client_key(client.id), item, new)) is None

    def change_client(self, before: Client, after: Client, *, depends_on: Collection[str] = ()) -> bool:
        """See `ClientWriter`. The attributes are called as the fields are."""
        old = serialize_client(before)
        condition: Condition = present(ClientItem.client_id)
        for name in depends_on:
            condition &= unchanged(getattr(ClientItem, name), old)
        actions, condition = changes(old, serialize_client(after), condition)
        if actions:
            actions.append(keep_cause())
        return self.transact(update(self.settings.clients_table, client_key(before.id), condition, *actions)) is None

    def list_clients(self) -> tuple[Client, ...]:
        """See `ClientWriter`; one call for each megabyte of records."""
        items = self.read_all("Scan", TableName=self.settings.clients_table, ConsistentRead=True)
        return tuple(_deserialize_client(item) for item in items if _is_client(item))

    def page_clients(self, limit: int, after: str | None) -> ClientPage:
        """See `ClientWriter`."""
        start = {} if after is None else {"ExclusiveStartKey": client_key(after)}
        table = self.settings.clients_table
        answer = self.call("Scan", TableName=table, Limit=limit, ConsistentRead=True, **start)
        last = answer.get("LastEvaluatedKey")
        found = tuple(_deserialize_client(item) for item in answer["Items"] if _is_client(item))
        return ClientPage(found, last["client_id"]["S"] if last else None)

    def get_valid_from(self) -> int:
        """See `ClientWriter`."""
        return read_number(self.get(self.settings.clients_table, client_key(DEPLOYMENT)) or {}, "valid_from")

    def move_valid_from(self, valid_from: int) -> None:
        """See `ClientWriter`."""
        earlier = ClientItem.valid_from.does_not_exist() | (ClientItem.valid_from < valid_from)
        arguments = expressions(earlier, ClientItem.valid_from.set(valid_from), keep_cause())
        with suppress(Refused):
            self.call("UpdateItem", TableName=self.settings.clients_table, Key=client_key(DEPLOYMENT), **arguments)

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """See `EndedAccounts`. A batch of one: the functions may read this table by BatchGetItem alone."""
        table = self.settings.clients_table
        found = self.get_batch({table: [client_key(DEPLOYMENT)]})[table]
        return _deserialize_ended(found[0]) if found else ()


def _save_ended(settings: "Settings", write: SaveEnded) -> Action:
    ended = ClientItem.ended
    condition = ended == _serialize_ended(write.before) if write.before else ended.does_not_exist()
    change = ended.set(_serialize_ended(write.after)) if write.after else ended.remove()
    return update(settings.clients_table, client_key(DEPLOYMENT), condition, change)


ACTIONS: Actions = {SaveEnded: _save_ended}
