"""`/login`: by a code sent to a number, or by a password."""

from typing import TYPE_CHECKING

from lingpai.authentication import password, sms_code
from lingpai.authentication.model import Authenticated
from lingpai.browser_sessions import devices
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import Browser
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import codes, cookies, forms, onward, view
from lingpai.pages.client import CLIENT
from lingpai.pages.view import View
from lingpai.services import Services
from lingpai.sessions import service as sessions

if TYPE_CHECKING:
    from lingpai.authorization.prompts import Step

_FIELDS = ("continue", "action", "mobile", "code", "username", "password")
_NOTES = {"reset": "reset_done"}


def login(services: Services, request: Request) -> Reply:
    """The page, or what one of its forms asks for."""
    browser = cookies.browser(services, request)
    return _send(services, request, browser) if request.method == "POST" else _show(services, request, browser)


def _show(services: Services, request: Request, browser: Browser | None) -> Reply:
    page = view.of(services, request, browser, view.continued(request))
    way = view.parameter(request, "way")
    if browser is not None and not page.onward:
        return onward.see_other(onward.ACCOUNT)
    if browser is not None and page.asked is not None and "select_account" in page.asked.prompt and not way:
        return page.page("choose.html", {"here": _here(page)})
    note = _NOTES.get(view.parameter(request, "note"), "")
    if page.onward.startswith(f"{onward.ACCOUNT}?"):
        note = "login_again"
    return _form(page, way, note=note)


def _send(services: Services, request: Request, browser: Browser | None) -> Reply:
    given = forms.read(services, request, browser, _FIELDS)
    page = view.of(services, request, browser, given.get("continue", ""))
    match given.get("action"):
        case "send":
            return _send_code(page, given)
        case "code":
            return _by_code(page, given)
        case "password":
            return _by_password(page, given)
        case "keep" if browser is not None:
            going = page.onward or onward.ACCOUNT
            steps: tuple[Step, ...] = ("select_account",)
            return onward.see_other(onward.mark_done(browser.secret, going, steps, services.clock.now()))
        case _:
            return _form(page, "")


def _send_code(page: View, given: dict[str, str]) -> Reply:
    try:
        return codes.send(page, given, "login")
    except LingpaiError as error:
        return _form(page, "code", given, page.errors_of(error, "mobile"), error)


def _by_code(page: View, given: dict[str, str]) -> Reply:
    try:
        codes.require(given)
        number = phone_numbers.parse_mobile(given["mobile"], page.services.settings)
        authenticated = sms_code.authenticate(
            page.services, CLIENT, number, given["code"], codes.presenter(page.request)
        )
        return finish(page, authenticated)
    except LingpaiError as error:
        return codes.form(page, given, "login", page.errors_of(error, "code"), error)


def _by_password(page: View, given: dict[str, str]) -> Reply:
    errors = page.missing(given, "username", "password")
    if errors:
        return _form(page, "password", given, errors, status=400)
    try:
        authenticated = password.authenticate(
            page.services, given["username"], given["password"], page.request.source_ip
        )
        return finish(page, authenticated)
    except LingpaiError as error:
        return _form(page, "password", given, page.errors_of(error, "username", "password"), error)


def finish(page: View, authenticated: Authenticated) -> Reply:
    """Log the browser in, and go on."""
    services, request = page.services, page.request
    device = devices.device(request.headers.get("user-agent", ""))
    previous = page.browser.session if page.browser else None
    cookie = browser_sessions.open_session(services, authenticated, device, previous)
    presented = sessions.parse(cookie)
    going = page.onward or onward.ACCOUNT
    if presented is not None:
        going = onward.mark_done(presented.secret, going, ("login", "select_account"), services.clock.now())
    return onward.see_other(going, cookies.log_in(services, request, cookie)).about(
        page.client.id if page.client else None
    )


def may_register(services: Services) -> bool:
    """Whether people may make accounts at the pages: they prove no client."""
    return services.settings.registration == "open"


def _form(
    page: View,
    way: str,
    given: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    error: LingpaiError | None = None,
    *,
    status: int = 200,
    note: str = "",
) -> Reply:
    """The form of one way in; what was typed stays, but for passwords and codes."""
    hint = (page.asked.login_hint if page.asked else None) or ""
    is_number = phone_numbers.as_mobile(hint, page.services.settings.home_country) is not None
    if way not in ("code", "password"):
        way = "password" if hint and not is_number else "code"
    known = given or {}
    values = {
        "way": way,
        "here": _here(page),
        "mobile": known.get("mobile", hint if is_number else ""),
        "username": known.get("username", hint),
        "may_register": may_register(page.services),
        "note": note,
    }
    return page.page("login.html", values, errors, error, status)


def _here(page: View) -> str:
    return f"/login{page.tail}{'&' if page.tail else '?'}"
