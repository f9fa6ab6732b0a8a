"""Addresses of receivers: which may be called.

They are checked when they are written, and again when they are called, since the settings may be others by then. What
the host's name leads to is checked when it is connected to (`outbound.public_addresses`).
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.clients import redirect_uris
from lingpai.outbound.public_addresses import is_loopback, is_public

if TYPE_CHECKING:
    from collections.abc import Callable

    from lingpai.settings import Settings

_LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}


def check(url: str, settings: "Settings") -> str:
    """Return the address if it may be called; ValueError with the reason otherwise."""
    parts = urlsplit(redirect_uris.check(url))
    if parts.hostname in _LOOPBACK_HOSTS:
        if not settings.webhook_loopback:
            raise ValueError("leads to this machine")
        return url
    if (parts.port or 443) not in settings.webhook_ports:
        raise ValueError("has a port that WEBHOOK_PORTS does not list")
    return url


def admit(settings: "Settings") -> "Callable[[str], bool]":
    """What says whether an IP address may be connected to."""
    if settings.webhook_loopback:
        return lambda address: is_public(address) or is_loopback(address)
    return is_public
