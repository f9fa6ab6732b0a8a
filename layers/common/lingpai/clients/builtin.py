"""The clients that every deployment has, without a record: their ids are reserved."""

from typing import TYPE_CHECKING

from lingpai.clients.model import Client
from lingpai.clients.service import RESERVED, new_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lingpai.clients.settings import ClientSettings

CONSOLE = f"{RESERVED}console"
# Under the issuer (`redirect_uris.absolute`).
CONSOLE_CALLBACK = "/console/callback"


def builtin(settings: "ClientSettings") -> "Mapping[str, Client]":
    """The built-in clients by id: the console, where it is on."""
    return {CONSOLE: _console(settings.console_login_max)} if settings.console else {}


def _console(login_max: int) -> Client:
    """The console's own client. It is public: its codes are bound to a browser by PKCE, and redeemed by the console.

    Its tokens open nothing at the API, since it has no scopes, and are never refreshed.
    """
    return new_client(
        CONSOLE,
        "standard",
        grants=("authorization_code",),
        scopes=(),
        access_ttl=login_max,
        refresh_ttl=login_max,
        session_ttl=login_max,
        redirect_uris=(CONSOLE_CALLBACK,),
        first_party=True,
        name="Lingpai 控制台 Console",
    )
