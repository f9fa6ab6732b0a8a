"""What all pages share: who looks at them, for which client, in which language, and where it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lingpai.accounts import identities
from lingpai.accounts.model import User
from lingpai.authorization.model import AuthorizationRequest
from lingpai.authorization.request import read
from lingpai.browser_sessions.service import Browser
from lingpai.clients.model import Client
from lingpai.html import cookies, forms, language
from lingpai.http import fields
from lingpai.http.request import Request
from lingpai.http.response import Reply, error_headers
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.language import Language
from lingpai.pages import onward, rendering
from lingpai.pages.texts import Texts
from lingpai.services import Services

# The field that an error is about, by its reason; any other is about the whole form.
_FIELDS = {
    "bad_mobile": "mobile",
    "country_not_served": "mobile",
    "prefix_not_served": "mobile",
    "number_unreachable": "mobile",
    "mobile_taken": "mobile",
    "bad_code": "code",
    "bad_second_factor": "code",
    "bad_username": "username",
    "username_taken": "username",
    "username_is_mobile": "username",
    "wrong_old_password": "oldPassword",
    "password_too_short": "newPassword",
    "password_too_long": "newPassword",
    "password_too_plain": "newPassword",
    "password_common": "newPassword",
    "password_is_name": "newPassword",
    "password_unreadable": "newPassword",
    "password_unchanged": "newPassword",
}


@dataclass(frozen=True)
class View:
    """A page's circumstances. `onward` is where the browser goes on; `asked` is the request that it leads to."""

    services: Services
    request: Request
    browser: Browser | None
    language: Language
    onward: str = ""
    client: Client | None = None
    asked: AuthorizationRequest | None = None

    @property
    def texts(self) -> Texts:
        """The texts in the page's language."""
        return Texts(self.language)

    @property
    def tail(self) -> str:
        """The query that carries `onward` to the next page."""
        return onward.tail(self.onward)

    def extendable(self, path: str) -> str:
        """The address of another page with `onward`, to which `name=value` may be added."""
        return f"{path}{self.tail}{'&' if self.tail else '?'}"

    def page(
        self,
        template: str,
        values: Mapping[str, Any] | None = None,
        errors: Mapping[str, str] | None = None,
        error: LingpaiError | None = None,
        status: int = 200,
        *,
        leads_away: bool = False,
        passkeys: str = "",
        widget: str = "",
    ) -> Reply:
        """The page. `errors` are texts by field, with an empty name for the whole form; `error` is what was refused.

        `leads_away` is for one with a form that is redirected to a provider, `passkeys` for one that asks for passkeys,
        `widget` for one with another's script
        (see `rendering.page`).
        """
        token, form_cookies = forms.token(self.services, self.request, self.browser)
        shown = {
            "csrf": token,
            "errors": errors or {},
            "onward": self.onward,
            "tail": self.tail,
            "switch": self.extendable(self.request.path),
            "person": person(self.services, self.browser.user) if self.browser else "",
            "password_min": self.services.settings.password_min_length,
            **(values or {}),
        }
        chosen = language.known(parameter(self.request, "lang"))
        kept = (cookies.keep_language(self.request, chosen),) if chosen else ()
        reply = rendering.page(
            template,
            self.language,
            shown,
            status=error.status if error else status,
            client=self.client,
            leads_away=leads_away or self.asked is not None,
            passkeys=passkeys,
            widget=widget,
            headers=error_headers(error) if error else None,
            cookies=(*form_cookies, *kept),
        )
        return reply.about(self.client.id if self.client else None, error=error)

    def errors_of(self, error: LingpaiError, *fields: str) -> dict[str, str]:
        """The error as a text for one of the `fields` of the form, or for all of it."""
        field = _FIELDS.get(error.reason, str(error.values.get("name", "")))
        if field == "newPassword" and "password" in fields:
            field = "password"
        return {field if field in fields else "": self.texts.refusal(error)}

    def missing(self, given: Mapping[str, str], *fields: str) -> dict[str, str]:
        """A text for each of the `fields` that was left empty."""
        return {name: self.texts(f"missing_{name}") for name in fields if not given.get(name)}


def opened(services: Services, request: Request, *names: str) -> tuple[View, dict[str, str]]:
    """The view of a page, and the fields `names` of the form of ours that was posted to it; none for a GET.

    The form, or else the query, says where it goes on. LingpaiError `form_expired` for a form that is not ours.
    """
    browser = cookies.browser(services, request)
    if request.method != "POST":
        return of(services, request, browser, parameter(request, "continue")), {}
    given = forms.read(services, request, browser, ("continue", *names))
    return of(services, request, browser, given.get("continue", "")), given


def of(services: Services, request: Request, browser: Browser | None, wanted: str = "") -> View:
    """The view of a page that goes on to `wanted`, if that is a place to go on to."""
    going = onward.checked(wanted)
    client, asked = None, None
    if sent := onward.request_of(going):
        client, asked = read(services, sent)
    chosen = language.known(parameter(request, "lang"))
    return View(
        services,
        request,
        browser,
        chosen or language.of(request, asked.ui_locales if asked else ()),
        going,
        client,
        asked,
    )


def parameter(request: Request, name: str) -> str:
    """A parameter of a page's query; empty where it is not there."""
    return dict(onward.pairs(request.query)).get(name, "")


def person(services: Services, user: User) -> str:
    """The account by a name that its owner knows: the username, else the number, else the id."""
    return identities.display_name(services, user) or str(user.id)


def minute(services: Services, at: int) -> str:
    """A time as the pages show it: in the deployment's time zone, to the minute."""
    return fields.moment_text(at, services.settings.utc_offset_minutes)[:16]
