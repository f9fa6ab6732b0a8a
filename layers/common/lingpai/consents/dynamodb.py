"""Consents on DynamoDB: an attribute of the account's item."""

from typing import TYPE_CHECKING, Any

from lingpai.accounts.dynamodb import UserItem, user_key
from lingpai.aws.dynamodb.actions import Action, Actions, update
from lingpai.aws.dynamodb.attributes import Item
from lingpai.aws.dynamodb.audited import keep_cause, present
from lingpai.aws.dynamodb.reading import read_json
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.consents.storage import Given, SaveConsents

if TYPE_CHECKING:
    from lingpai.settings import Settings


def deserialize_consents(item: Item) -> Given:
    """The consents in an account's item."""
    return {client_id: tuple(scopes) for client_id, scopes in read_json(item, "consents") or ()}


def _serialize(given: Given) -> list[list[Any]]:
    """A list, because their order counts."""
    return [[client_id, list(scopes)] for client_id, scopes in given.items()]


class DynamoConsents(DynamoTables):
    """`Consents` on DynamoDB."""

    def get_consents(self, user_id: int) -> Given:
        """See `Consents`. One call."""
        return deserialize_consents(self.get(self.settings.users_table, user_key(user_id)) or {})


def _save_consents(settings: "Settings", write: SaveConsents) -> Action:
    consents = UserItem.consents
    unchanged = consents == _serialize(write.before) if write.before else consents.does_not_exist()
    change = consents.set(_serialize(write.after)) if write.after else consents.remove()
    condition = present(UserItem.id) & unchanged
    return update(settings.users_table, user_key(write.user_id), condition, change, keep_cause())


ACTIONS: Actions = {SaveConsents: _save_consents}
