"""Webhooks on DynamoDB."""

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from lingpai.aws.dynamodb.actions import put, update
from lingpai.aws.dynamodb.attributes import Integer, Item, Record, Texts
from lingpai.aws.dynamodb.audited import absent, bury, keep_cause, present, with_cause
from lingpai.aws.dynamodb.expressions import changes
from lingpai.aws.dynamodb.reading import read_bytes, read_number, read_text, read_texts
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.webhooks.model import Webhook


class WebhookItem(Record):
    """A webhook."""

    id = UnicodeAttribute(hash_key=True)
    url = UnicodeAttribute()
    types = Texts()
    secret = BinaryAttribute(legacy_encoding=False)
    created_at = Integer()
    previous_secret = BinaryAttribute(legacy_encoding=False, null=True)
    previous_until = Integer(null=True)
    disabled = UnicodeAttribute(null=True)
    disabled_at = Integer(null=True)


def webhook_key(webhook_id: str) -> Item:
    """The key of a webhook."""
    return {"id": {"S": webhook_id}}


def _serialize(webhook: Webhook) -> WebhookItem:
    return WebhookItem(
        id=webhook.id,
        url=webhook.url,
        types=list(webhook.types),
        secret=webhook.secret,
        created_at=webhook.created_at,
        previous_secret=webhook.previous_secret,
        previous_until=webhook.previous_until or None,
        disabled=webhook.disabled,
        disabled_at=webhook.disabled_at or None,
    )


def _deserialize(item: Item) -> Webhook:
    return Webhook(
        id=item["id"]["S"],
        url=item["url"]["S"],
        types=read_texts(item, "types"),
        secret=item["secret"]["B"],
        created_at=read_number(item, "created_at"),
        previous_secret=read_bytes(item, "previous_secret"),
        previous_until=read_number(item, "previous_until"),
        disabled=read_text(item, "disabled"),  # type: ignore[arg-type]  # only its reasons are written
        disabled_at=read_number(item, "disabled_at"),
    )


class DynamoWebhooks(DynamoTables):
    """`Webhooks` on DynamoDB. Each method is one call.

    Writes are transactions, as in `DynamoStore.commit`: a try whose answer was lost is not done twice.
    """

    def list_webhooks(self) -> tuple[Webhook, ...]:
        """See `Webhooks`; one call for each megabyte."""
        items = self.read_all("Scan", TableName=self.settings.webhooks_table, ConsistentRead=True)
        return tuple(map(_deserialize, items))

    def get_webhook(self, webhook_id: str) -> Webhook | None:
        """See `Webhooks`."""
        item = self.get(self.settings.webhooks_table, webhook_key(webhook_id))
        return _deserialize(item) if item else None

    def create_webhook(self, webhook: Webhook) -> bool:
        """See `Webhooks`."""
        item = with_cause(_serialize(webhook).serialize())
        action = put(self.settings.webhooks_table, webhook_key(webhook.id), item, absent(WebhookItem.id))
        return self.transact(action) is None

    def change_webhook(self, before: Webhook, after: Webhook) -> bool:
        """See `Webhooks`."""
        actions, condition = changes(_serialize(before), _serialize(after), present(WebhookItem.id))
        kept = (keep_cause(),) if actions else ()
        action = update(self.settings.webhooks_table, webhook_key(before.id), condition, *actions, *kept)
        return self.transact(action) is None

    def delete_webhook(self, webhook_id: str) -> bool:
        """See `Webhooks`."""
        action = bury(self.settings.webhooks_table, webhook_key(webhook_id), present(WebhookItem.id))
        return self.transact(action) is None
