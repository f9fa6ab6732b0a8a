"""`/reset`: the first password, or a new one for a forgotten one, by a code sent to the account's number."""

from lingpai.authentication import password_change
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.pages import codes, onward, view
from lingpai.pages.view import View
from lingpai.services import Services


def reset(services: Services, request: Request) -> Reply:
    """The page, or what one of its forms asks for."""
    page, given = view.opened(services, request, "action", "mobile", "captcha", "code", "newPassword")
    if request.method != "POST":
        return _form(page, {})
    if given.get("action") == "set":
        return _set(page, given)
    try:
        return codes.send(page, given, "reset")
    except LingpaiError as error:
        return _form(page, given, page.errors_of(error, "mobile"), error)


def _set(page: View, given: dict[str, str]) -> Reply:
    """Set the password. All sessions of the account have ended then, this browser's among them."""
    services, request = page.services, page.request
    try:
        codes.require(given)
        if "newPassword" not in given:
            raise invalid_request("missing_parameter", name="newPassword")
        number = phone_numbers.parse_mobile(given["mobile"], services.settings)
        password_change.reset_password(services, number, given["code"], given["newPassword"], codes.presenter(request))
    except LingpaiError as error:
        return codes.form(page, given, "reset", page.errors_of(error, "code", "newPassword"), error)
    return onward.see_other(f"{page.extendable('/login')}way=password&note=reset", cookies.log_out(request))


def _form(
    page: View, given: dict[str, str], errors: dict[str, str] | None = None, error: LingpaiError | None = None
) -> Reply:
    return page.page("reset.html", {"mobile": given.get("mobile", "")}, errors, error)
