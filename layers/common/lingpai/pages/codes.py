"""Codes at the pages: sent to a number, and the form that takes them back."""

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
# The page, the action of its form, and the texts of title and button.
_FORMS = {
    "login": ("/login", "code", "login", "login", "/login"),
    "reset": ("/reset", "set", "reset", "set_password", "/reset"),
    "link": ("/account", "phone", "change_phone", "save", "/account?edit=phone"),
}


def send(page: View, given: dict[str, str], use: Use) -> Reply:
    """Send a code to the number that was typed, and show the form for it; LingpaiError where none is sent.

    The answer is the same whether the number has an account or not.
    """
    if "mobile" not in given:
        raise invalid_request("bad_mobile")
    number = phone_numbers.parse_mobile(given["mobile"], page.services.settings)
    asked = sms_codes.SendRequest(number, CLIENT.id, page.language, use)
    try:
        sms_codes.send(page.services, asked, page.request.source_ip)
    except LingpaiError as error:
        # It was sent a moment ago, by a double click or a reload of the page: it may be typed in.
        if error.reason not in ("resend_too_soon", "maybe_sent"):
            raise
        return form(page, given, use, page.errors_of(error), error)
    return form(page, given, use)


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
        "title": page.texts(title),
        "submit": page.texts(submit),
        "other": other if use == "link" else f"{other}{page.tail}",
        "mobile": given.get("mobile", ""),
        "shown_number": _shown(page, given.get("mobile", "")),
        "minutes": settings.code_ttl // 60,
        "resend": (error.retry_after if error and error.retry_after else settings.code_resend),
        "with_password": use == "reset",
        "password_min": settings.password_min_length,
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
