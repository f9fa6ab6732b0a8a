"""The pages from their templates, for the client that they are shown for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snapshot_restore_py import register_before_snapshot

from lingpai.clients.model import Client
from lingpai.html import assets, rendering
from lingpai.http.response import Reply
from lingpai.kernel.language import Language
from lingpai.pages.texts import Texts

_TEMPLATES = rendering.environment(Path(__file__).with_name("templates"))


def load_before_snapshot() -> None:
    """Have the runtime compile all templates before it makes a snapshot, so that no request has to."""
    register_before_snapshot(load_templates)


def load_templates() -> None:
    """Compile all templates."""
    rendering.load(_TEMPLATES)


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

    A page that asks for passkeys names their domain, `passkeys`: it has a further script, which may ask this server
    alone. The others are as in `html.rendering.policy`.
    """
    nonce = rendering.new_nonce()
    shown = rendering.brand(client)
    return rendering.page(
        _TEMPLATES.get_template(template),
        Texts(language),
        {**values, "brand": shown, "passkeys": passkeys, "passkey_script": assets.PASSKEYS.address},
        nonce=nonce,
        status=status,
        policy=rendering.policy(nonce, shown.logo, widget, leads_away=leads_away, fetches=bool(passkeys)),
        headers=headers,
        cookies=cookies,
    )
