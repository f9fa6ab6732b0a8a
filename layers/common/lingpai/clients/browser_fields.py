"""Validation of the fields of a client's record that are for logins in a browser."""

import re
from collections.abc import Callable, Iterable, Iterator

from lingpai.clients import redirect_uris
from lingpai.clients.model import CHALLENGE, Client
from lingpai.kernel import names

NAME_MAX = 60
LOGO_MAX = 8192
LISTED_MAX = 20

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")
# An absolute URI without a fragment (RFC 8707 section 2).
_RESOURCE = re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/?@!$&'()+,;=%\[\]-]+")


def fault(client: Client) -> str | None:
    """The first fault of these fields, as `field: reason`; None if all are valid."""
    return next(_faults(client), None)


def _faults(client: Client) -> Iterator[str]:
    def redirect_uri(uri: str) -> str:
        return redirect_uris.check(uri, private_use=not client.confidential)

    yield from _each("redirect_uris", client.redirect_uris, redirect_uri)
    yield from _each("post_logout_redirect_uris", client.post_logout_redirect_uris, redirect_uri)
    yield from _each("resources", client.resources, _resource)
    for field, value, check in (
        ("name", client.name, _name),
        ("logo", client.logo, _logo),
        ("colour", client.colour, _colour),
        ("terms", client.terms, redirect_uris.check),
        ("policy", client.policy, redirect_uris.check),
        ("backchannel_logout_uri", client.backchannel_logout_uri, redirect_uris.check),
    ):
        yield from _each(field, () if value is None else (value,), check)
    if client.backchannel_logout_session_required and client.backchannel_logout_uri is None:
        yield "backchannel_logout_session_required: needs a backchannel_logout_uri"
    if client.redirect_uris and client.dialect != "standard":
        yield "redirect_uris: only clients of the dialect standard log users in in a browser"
    is_app = CHALLENGE in client.grants
    if is_app and not (client.first_party and client.dialect == "standard" and "authorization_code" in client.grants):
        yield "grant_types: challenge is for first_party clients of the dialect standard, with authorization_code"
    if "authorization_code" in client.grants and not (client.redirect_uris or is_app):
        yield "grant_types: authorization_code needs redirect_uris, or challenge beside it"


def _each(field: str, values: Iterable[str], check: Callable[[str], str]) -> Iterator[str]:
    listed = tuple(values)
    if len(listed) > LISTED_MAX:
        yield f"{field}: has more than {LISTED_MAX} entries"
    for value in listed:
        try:
            check(value)
        except ValueError as error:
            yield f"{field}: {value[:100]!r} {error}"


def _name(text: str) -> str:
    if not 0 < len(text) <= NAME_MAX or not names.is_visible(text):
        raise ValueError(f"is no visible name of 1 to {NAME_MAX} characters")
    return text


def _logo(text: str) -> str:
    if text.startswith("data:"):
        if len(text) > LOGO_MAX or not _IMAGE.fullmatch(text):
            raise ValueError(f"is no PNG, JPEG, WebP or SVG in base64 of {LOGO_MAX} characters at most")
        return text
    return redirect_uris.check(text)


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise ValueError("is no colour as #rrggbb in lower case")
    return text


def _resource(text: str) -> str:
    if len(text) > redirect_uris.URI_MAX or not _RESOURCE.fullmatch(text):
        raise ValueError("is no absolute URI without a fragment")
    return text
