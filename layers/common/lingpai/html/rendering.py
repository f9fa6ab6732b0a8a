"""Pages from templates (Jinja2), and the headers that each of them has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from lingpai.clients.model import Client
from lingpai.html import assets, colours
from lingpai.html.texts import Texts
from lingpai.http.response import Reply
from lingpai.kernel import base64url
from lingpai.kernel.clock import Clock

# Those that the packages share.
_SHARED = Path(__file__).with_name("templates")
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


def environment(folder: Path) -> Environment:
    """The templates in this folder, and those that all packages share."""
    return Environment(
        loader=FileSystemLoader((folder, _SHARED)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def load(templates: Environment) -> None:
    """Compile all of the templates."""
    for name in templates.list_templates():
        templates.get_template(name)


def new_nonce() -> str:
    """What scripts and styles of one page carry, so that its policy allows them."""
    return base64url.encode(Clock().random_bytes(16))


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
    template: Template,
    texts: Texts,
    values: Mapping[str, Any],
    *,
    nonce: str,
    status: int = 200,
    policy: str,
    headers: Mapping[str, str] | None = None,
    cookies: tuple[str, ...] = (),
) -> Reply:
    """The page as an answer. `values` are what the template shows."""
    body = template.render(
        **values,
        t=texts,
        language=texts.language,
        nonce=nonce,
        style=assets.STYLE.address,
        script=assets.SCRIPT.address,
    )
    sent = {**HEADERS, "Content-Language": texts.language, "Content-Security-Policy": policy, **(headers or {})}
    return Reply(status, body, sent, cookies)


def policy(nonce: str, logo: str = "", widget: str = "", *, leads_away: bool = False, fetches: bool = False) -> str:
    """The Content-Security-Policy of a page: its own stylesheet and scripts, the client's logo, and the widget.

    A form of a page that `leads_away` may be redirected to a client or a provider. Its policy has no `form-action`,
    which Chromium holds against each redirect, those of others included (w3c/webappsec-csp#8). A page that `fetches`
    may ask this server. `widget` is the origin of another's script and frame on the page.
    """
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
