"""Events in the changes of accounts."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lingpai.accounts.profile_names import FIELDS
from lingpai.accounts.storage import REHASHED
from lingpai.events import masking
from lingpai.events.changes import Change, Found, Image, number, text, texts

# What an account has beside what is looked at below. It tells nothing that an event is made of.
NO_EVENT = frozenset(
    {
        "id",
        "created_at",
        "digests",
        "password_set_at",
        "imported_from",
        "sessions",
        "logins",
        "closing",
        "cause",
        "deleted",
        "ttl",
    }
)


def user_events(change: Change) -> Iterator[Found]:
    """What has happened to an account. Of a deleted one nothing is told but that."""
    subject = f"user:{change.image['id']['N']}"
    if change.is_deletion:
        yield Found("user.deleted", subject, {"why": change.cause.why})
        return
    if change.is_new:
        yield Found("user.created", subject, {"why": change.cause.why})
    for kind, data in _of_account(change):
        yield Found(kind, subject, data)


def _of_account(change: Change) -> Iterator[tuple[str, Mapping[str, Any]]]:
    before, after = change.before, change.after
    yield from _identities(before, after)
    yield from _sets("role.revoked", "role.granted", "role", _roles(before), _roles(after))
    factors = set(texts(before, "second_factors")), set(texts(after, "second_factors"))
    yield from _sets("factor.removed", "factor.added", "factor", *factors)
    if change.differs("password") and change.cause.why != REHASHED:
        yield "password.changed", {"why": change.cause.why}
    if not change.is_new and (changed := _profile(before, after)):
        yield "user.updated", {"changed": changed}
    if change.differs("disabled"):
        yield ("user.disabled" if "disabled" in after else "user.enabled"), {}
    if change.differs("closes_at"):
        yield ("user.deletion_requested" if "closes_at" in after else "user.deletion_undone"), {}
    yield from _agreements(before, after)
    yield from _consents(before, after)
    if number(after, "ended_until") > number(before, "ended_until"):
        yield "sessions.ended", {"why": change.cause.why}


def _sets[T](gone: str, come: str, name: str, before: set[T], after: set[T]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An event for each element that is gone, and for each that is new, in order."""
    for elements, kind in ((before - after, gone), (after - before, come)):
        for element in sorted(elements):  # type: ignore[type-var]  # numbers or texts
            yield kind, {name: element}


def _identities(before: Image, after: Image) -> Iterator[tuple[str, Mapping[str, Any]]]:
    old, new = _names(before), _names(after)
    for kind, names, others in (("identity.unlinked", old, new), ("identity.linked", new, old)):
        for (of, name), masked in names.items():
            if (of, name) not in others:
                yield kind, {"kind": of, "value": masked}


def _names(image: Image) -> dict[tuple[str, str], str]:
    """The identities of an account, by kind and value, masked."""
    names: dict[tuple[str, str], str] = {}
    if username := text(image, "username"):
        names["username", username] = masking.username(username)
    if mobile := text(image, "mobile"):
        names["mobile", mobile] = masking.mobile(mobile)
    if email := _json(image, "email"):
        names["email", email["address"]] = masking.email(email["address"])
    for issuer, openid in _json(image, "openids") or ():
        names["openid", f"{issuer}:{openid}"] = masking.openid(issuer, openid)
    return names


def _roles(image: Image) -> set[int]:
    return {int(role) for role in image.get("roles", {}).get("NS", ())}


def _profile(before: Image, after: Image) -> list[str]:
    """The names of the profile's fields that have changed, as `Profile` has them."""
    old, new = _json(before, "detail") or {}, _json(after, "detail") or {}
    changed = [field for name, field in FIELDS.items() if old.get(name) != new.get(name)]
    old_email, new_email = _json(before, "email") or {}, _json(after, "email") or {}
    if old_email.get("address") == new_email.get("address") and old_email != new_email:
        changed.append("email_verified")
    return changed


def _agreements(before: Image, after: Image) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Entries are added at the end alone: `[document, version, time, address, client]`."""
    for entry in (_json(after, "agreements") or [])[len(_json(before, "agreements") or []) :]:
        yield "terms.accepted", {"kind": entry[0], "version": entry[1], "client": entry[4]}


def _consents(before: Image, after: Image) -> Iterator[tuple[str, Mapping[str, Any]]]:
    old, new = dict(_json(before, "consents") or ()), dict(_json(after, "consents") or ())
    for client in old:
        if client not in new:
            yield "consent.revoked", {"client": client}
    for client, scope in new.items():
        if scope != old.get(client):
            yield "consent.given", {"client": client, "scope": scope}


def _json(image: Image, name: str) -> Any:
    """The value of a JSON text; None where the attribute is absent."""
    return json.loads(image[name]["S"]) if name in image else None
