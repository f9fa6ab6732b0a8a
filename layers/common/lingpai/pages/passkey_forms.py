"""Passkeys on the pages: `/passkeys/options`, which their script asks, and the forms of the account page."""

from collections.abc import Mapping
from typing import Any

from lingpai.accounts.model import User
from lingpai.authentication import recent_login
from lingpai.browser_sessions import devices
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import Browser
from lingpai.html import cookies, forms
from lingpai.http.request import Request
from lingpai.http.response import Reply, json_reply
from lingpai.kernel import base64url
from lingpai.kernel.errors import LingpaiError, forbidden
from lingpai.pages import second_step, view
from lingpai.pages.view import View
from lingpai.passkeys import service as passkeys
from lingpai.services import Services


def options(services: Services, request: Request) -> Reply:
    """What the browser is asked for, as JSON, for the purpose that the form tells.

    It is `login`, `second-factor` or `register`. LingpaiError `form_expired` for another purpose, for a second factor
    that is not awaited, and for a new passkey without a recent login.
    """
    browser = cookies.browser(services, request)
    match forms.read(services, request, browser, ("purpose",)).get("purpose"):
        case "login":
            return json_reply(200, passkeys.begin_login(services))
        case "second-factor":
            user = second_step.awaited_user(view.of(services, request, browser))
            if user is None or passkeys.KIND not in user.second_factors:
                raise forbidden("form_expired")
            return json_reply(200, passkeys.begin_second_factor(services, user.id))
        case "register" if browser is not None and recent_login.may_change(services, browser.user, browser.session):
            return json_reply(200, passkeys.begin_registration(services, browser.user))
        case _:
            raise forbidden("form_expired")


def shown(page: View, user: User) -> list[dict[str, Any]]:
    """The account's passkeys, as its page lists them."""
    services = page.services
    return [
        {
            "mark": base64url.encode(passkey.mark),
            "name": passkey.name,
            "added": view.minute(services, passkey.created_at),
            "used": view.minute(services, passkey.used_at) if passkey.used_at else "",
        }
        for passkey in passkeys.list_passkeys(services, user)
    ]


def new_form(page: View, errors: Mapping[str, str] | None = None, error: LingpaiError | None = None) -> Reply:
    """The form that creates a passkey, with a name to begin with: that of this browser."""
    values = {"name": _this_device(page)}
    return page.page("passkey.html", values, errors, error, passkeys=passkeys.domain(page.services))


def rename_form(page: View, user: User) -> Reply | None:
    """The form that names the passkey in the address; None where the account has no such passkey."""
    mark = view.parameter(page.request, "passkey")
    for passkey in passkeys.list_passkeys(page.services, user):
        if passkey.mark == _mark(mark):
            return page.page("passkey_name.html", {"name": passkey.name, "mark": mark})
    return None


def add(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    """Add the passkey that the browser has created; gives the note for the account page."""
    services, answer, name = page.services, given.get("answer", ""), _name(page, given)
    raised = browser_sessions.raised(services, browser, passkeys.METHODS)
    passkeys.register(services, browser.user.id, answer, name, browser.session.key, *raised)
    return "passkey_added"


def rename(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    """Name a passkey; gives the note for the account page."""
    passkeys.rename(page.services, browser.user.id, _mark(given.get("passkey", "")), _name(page, given))
    return "saved"


def remove(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    """Remove a passkey; gives the note for the account page."""
    passkeys.remove(page.services, browser.user.id, _mark(given.get("passkey", "")), browser.session.key)
    return "passkey_removed"


def _mark(text: str) -> bytes:
    """The `Passkey.mark` that a form names; an empty one, which no passkey has, for any other text."""
    try:
        return base64url.decode(text)
    except ValueError:
        return b""


def _name(page: View, given: Mapping[str, str]) -> str:
    """The name that was typed, cut to the longest one; that of the browser where none was.

    A name is never refused: the authenticator has kept the passkey by then.
    """
    return given.get("name", "").strip()[: passkeys.NAME_MAX] or _this_device(page)


def _this_device(page: View) -> str:
    return page.texts.device(devices.device(page.request.headers.get("user-agent", "")))
