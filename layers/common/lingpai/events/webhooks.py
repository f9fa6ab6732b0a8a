"""Events in the changes of webhooks."""

from collections.abc import Iterator

from lingpai.events.changes import Change, Found, text

_APART = frozenset({"id", "cause"})


def webhook_events(change: Change) -> Iterator[Found]:
    """What has happened to a webhook. Neither its address nor its secrets are told."""
    subject = f"webhook:{text(change.image, 'id')}"
    if change.is_deletion:
        yield Found("webhook.deleted", subject, {})
    elif change.is_new:
        yield Found("webhook.created", subject, {})
    elif changed := sorted(name for name in {*change.before, *change.after} - _APART if change.differs(name)):
        yield Found("webhook.updated", subject, {"changed": changed})
