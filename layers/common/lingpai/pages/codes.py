"""Codes at the pages: sent to a number, and the form that takes them back."""

from dataclasses import replace
from typing import Literal

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.pages.client import CLIENT
from lingpai.pages.view import View
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter

Use = Literal["login", "reset", "link"]
# The page, the action of its form, the texts of title and button, and where another number is entered.
_FORMS = {
    "login": ("/login", "code", "login", "login", "/login"),
    "reset": ("/reset", "set", "reset", "set_password", "/reset"),
    "link": ("/account", "phone", "change_phone", "save", "/account?edit=phone"),
}
# The origins of captchas that show a widget of their provider's.
_WIDGETS = {"turnstile": "https://challenges.cloudflare.com"}
# The actions that send a code.
_SENDING = {"login": "send", "reset": "send", "link": "phone-send"}


def send(page: View, given: dict[str, str], use: Use) -> Reply:
    """Send a code to the number that was typed, and show the form for it; LingpaiError where none is sent.

    The answer is the same whether the number has an account or not.
    """
    if "mobile" not in given:
        raise invalid_request("bad_mobile")
    number = phone_numbers.parse_mobile(given["mobile"], page.services.settings)
    asked = sms_codes.SendRequest(number, CLIENT.id, page.language, use, given.get("captcha"))
    try:
        # The pages have widgets of their own for some captchas alone.
        services = replace(page.services, captcha=page.services.page_captcha)
        sms_codes.send(services, asked, page.request.source_ip)
    except LingpaiError as error:
        if error.code == "captcha_required":
            return _captcha(page, given, use, error)
        # It was sent a moment ago, by a double click or a reload of the page: it may be typed in.
        if error.reason not in ("resend_too_soon", "maybe_sent"):
            raise
        return form(page, given, use, page.errors_of(error), error)
    return form(page, given, use)


def _captcha(page: View, given: dict[str, str], use: Use, error: LingpaiError) -> Reply:
    """The page that solves a captcha, and then asks for the code anew."""
    captcha = error.values["captcha"]
    widget = _WIDGETS.get(captcha["provider"], "")
    values = {
        "action": _FORMS[use][0],
        "send": _SENDING[use],
        "mobile": given.get("mobile", ""),
        "captcha": captcha,
        "widget": widget,
        "other": page.extendable("/login") + "way=password" if use == "login" else "",
    }
    # Nobody did anything wrong where it is asked for the first time.
    errors = page.errors_of(error) if error.reason == "bad_captcha" else None
    return page.page("captcha.html", values, errors, error, widget=widget)


def require(given: dict[str, str]) -> None:
    """LingpaiError where the code was left empty."""
    if "mobile" not in given:
        raise invalid_request("bad_mobile")
    if "code" not in given:
        raise invalid_request("missing_parameter", name="code")


def form(
    page: View,
    given: dict[str, str],
    use: Use,
    errors: dict[str, str] | None = None,
    error: LingpaiError | None = None,
) -> Reply:
    """The form that takes the code."""
    settings = page.services.settings
    action, verify, title, submit, other = _FORMS[use]
    values = {
        "action": action,
        "verify": verify,
        "send": _SENDING[use],
        "title": page.texts(title),
        "submit": page.texts(submit),
        "other": other if use == "link" else f"{other}{page.tail}",
        "mobile": given.get("mobile", ""),
        "shown_number": _shown(page, given.get("mobile", "")),
        "minutes": settings.code_ttl // 60,
        # After a wrong code it is not known how long to wait. A click too early says it.
        "resend": (error.retry_after or 0) if error else settings.code_resend,
        "with_password": use == "reset",
    }
    return page.page("code.html", values, errors, error)


def presenter(request: Request) -> Presenter:
    """Whom guesses at codes count for."""
    return Presenter(CLIENT, request.source_ip)


def _shown(page: View, typed: str) -> str:
    """The number as it was understood, so that a slip is seen."""
    country = page.services.settings.home_country
    number = phone_numbers.as_mobile(typed, country)
    return phone_numbers.national(number, country) if number else typed
