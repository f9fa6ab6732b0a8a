"""Events in the changes of signing keys."""

from collections.abc import Iterator

from lingpai.events.changes import Change, Found, text


def key_events(change: Change) -> Iterator[Found]:
    """What has happened to a key."""
    subject, data = f"key:{text(change.image, 'kid')}", {"algorithm": text(change.image, "algorithm")}
    if change.is_deletion:
        yield Found("key.deleted", subject, data)
    elif change.is_new:
        yield Found("key.created", subject, data)
    elif "private" in change.before and "private" not in change.after:
        yield Found("key.retired", subject, data)
