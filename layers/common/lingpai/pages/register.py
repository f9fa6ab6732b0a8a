"""`/register`: a new account by a username and a password."""

from lingpai.accounts import service as accounts
from lingpai.authentication import password
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import login, view
from lingpai.pages.view import View
from lingpai.services import Services


def register(services: Services, request: Request) -> Reply:
    """The page, or the account that its form asks for, which the browser is then logged in to."""
    page, given = view.opened(services, request, "username", "password")
    if not login.may_register(services):
        values = {"title": page.texts("register"), "texts": [page.texts("register_closed")]}
        return page.page("message.html", {**values, "link": f"/login{page.tail}", "link_text": page.texts("login")})
    if request.method != "POST":
        return _form(page, given)
    errors = page.missing(given, "username", "password")
    if errors:
        return _form(page, given, errors, status=400)
    try:
        accounts.register(services, given["username"], given["password"], request.source_ip)
        with accounts.first_login(services, given["username"], request.source_ip):
            authenticated = password.authenticate(services, given["username"], given["password"], request.source_ip)
            return login.finish(page, authenticated)
    except LingpaiError as error:
        return _form(page, given, page.errors_of(error, "username", "password"), error)


def _form(
    page: View,
    given: dict[str, str],
    errors: dict[str, str] | None = None,
    error: LingpaiError | None = None,
    *,
    status: int = 200,
) -> Reply:
    return page.page("register.html", {"username": given.get("username", "")}, errors, error, status)
