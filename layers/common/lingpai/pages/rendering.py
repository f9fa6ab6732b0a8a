"""Pages from templates (Jinja2), and the headers that each of them has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from snapshot_restore_py import register_before_snapshot

from lingpai.clients.model import Client
from lingpai.http.response import Reply
from lingpai.kernel import base64url
from lingpai.kernel.clock import Clock
from lingpai.kernel.language import Language
from lingpai.pages import assets, colours
from lingpai.pages.texts import Texts

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",
    # For browsers that do not know `frame-ancestors`.
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Brand:
    """How a page shows the client that it is for."""

    name: str
    logo: str
    colour: str
    on_colour: str
    terms: str
    policy: str


def load_before_snapshot() -> None:
    """Have the runtime compile all templates before it makes a snapshot, so that no request has to."""
    register_before_snapshot(load_templates)


def load_templates() -> None:
    """Compile all templates."""
    for name in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(name)


def brand(client: Client | None) -> Brand:
    """The client's name, logo and colour; Lingpai's own, as far as the record has none."""
    colour = client.colour if client and client.colour else colours.DEFAULT
    return Brand(
        name=(client.name or client.id) if client else "",
        logo=(client.logo or "") if client else "",
        colour=colour,
        on_colour=colours.text_on(colour),
        terms=(client.terms or "") if client else "",
        policy=(client.policy or "") if client else "",
    )


def page(
    template: str,
    language: Language,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    client: Client | None = None,
    leads_away: bool = False,
    passkeys: str = "",
    widget: str = "",
    headers: Mapping[str, str] | None = None,
    cookies: tuple[str, ...] = (),
) -> Reply:
    """The page as an answer. `values` are what the template shows.

    A form of a page that `leads_away` may be redirected to a client or a provider. Its policy has no `form-action`,
    which Chromium holds against each redirect, those of others included (w3c/webappsec-csp#8). A page that asks for
    passkeys names their domain, `passkeys`: it has a further script, which may ask this server alone. `widget` is the
    origin of another's script and frame on the page.
    """
    nonce = base64url.encode(Clock().random_bytes(16))
    shown = brand(client)
    body = _ENVIRONMENT.get_template(template).render(
        **values,
        t=Texts(language),
        language=language,
        brand=shown,
        nonce=nonce,
        style=assets.STYLE.address,
        script=assets.SCRIPT.address,
        passkeys=passkeys,
        passkey_script=assets.PASSKEYS.address,
    )
    policy = _policy(nonce, shown.logo, widget, leads_away=leads_away, fetches=bool(passkeys))
    sent = {**HEADERS, "Content-Language": language, "Content-Security-Policy": policy, **(headers or {})}
    return Reply(status, body, sent, cookies)


def _policy(nonce: str, logo: str, widget: str, *, leads_away: bool, fetches: bool) -> str:
    """The Content-Security-Policy of a page: its own stylesheet and scripts, the client's logo, and the widget."""
    parts = [
        "default-src 'none'",
        f"style-src 'nonce-{nonce}'",
        f"script-src 'nonce-{nonce}' {widget}".rstrip(),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    # `data:` is the icon of the page, which is none.
    parts.append(f"img-src data: {_image_source(logo)}".rstrip())
    if fetches:
        parts.append("connect-src 'self'")
    if widget:
        parts.append(f"frame-src {widget}")
    if not leads_away:
        parts.append("form-action 'self'")
    return "; ".join(parts)


def _image_source(logo: str) -> str:
    """The origin of the logo; empty for one that stands in the record itself."""
    parts = urlsplit(logo)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("https", "http") else ""
