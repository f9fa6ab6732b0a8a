"""What webhooks need from a store."""

from typing import Protocol

from lingpai.webhooks.model import Webhook


class Webhooks(Protocol):
    """The webhooks of a deployment: a few."""

    def list_webhooks(self) -> tuple[Webhook, ...]:
        """All of them, in any order; sees all writes before it."""
        ...

    def get_webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook, or None; sees all writes before it."""
        ...

    def create_webhook(self, webhook: Webhook) -> bool:
        """Keep the webhook; False where there is one of this id."""
        ...

    def change_webhook(self, before: Webhook, after: Webhook) -> bool:
        """Make `after` of the webhook `before`; False where a field that differs is no longer as in `before`.

        False, too, where the webhook is gone. Fields that are alike in both stay as they are by then.
        """
        ...

    def delete_webhook(self, webhook_id: str) -> bool:
        """Delete the webhook; False where there is none."""
        ...
