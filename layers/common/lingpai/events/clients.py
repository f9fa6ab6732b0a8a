"""Events in the changes of clients' records, and of the deployment's among them."""

from collections.abc import Iterator

from lingpai.events.changes import Change, Found, number, text

_DEPLOYMENT = "lingpai:deployment"
# Told by events of their own, or not at all.
_APART = frozenset({"client_id", "cause", "secret_hash", "disabled", "valid_from"})


def client_events(change: Change) -> Iterator[Found]:
    """What has happened to a client."""
    client = text(change.image, "client_id")
    ended = number(change.after, "valid_from") > number(change.before, "valid_from")
    if client == _DEPLOYMENT:
        # Its list of ended accounts is told by the accounts themselves.
        if ended:
            yield Found("sessions.ended", "deployment", {"why": change.cause.why})
        return
    subject = f"client:{client}"
    if change.is_deletion:
        yield Found("client.deleted", subject, {})
        return
    if change.is_new:
        yield Found("client.created", subject, {})
        return
    changed = sorted(name for name in {*change.before, *change.after} - _APART if change.differs(name))
    if changed:
        yield Found("client.updated", subject, {"changed": changed})
    if change.differs("secret_hash"):
        yield Found("client.rotated", subject, {})
    if change.differs("disabled"):
        yield Found("client.disabled" if "disabled" in change.after else "client.enabled", subject, {})
    if ended:
        yield Found("sessions.ended", subject, {"why": change.cause.why})
