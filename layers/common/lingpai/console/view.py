"""What all pages of the console share: the admin, the language, the form's token; and who may see them."""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from snapshot_restore_py import register_before_snapshot

from lingpai.authentication import recent_login
from lingpai.clients.builtin import CONSOLE
from lingpai.console import assets, session
from lingpai.console.session import Admin
from lingpai.console.texts import Texts
from lingpai.html import cookies, forms, language, rendering
from lingpai.http import fields
from lingpai.http.request import Request
from lingpai.http.response import Reply, error_headers
from lingpai.http.router import Endpoint, Route
from lingpai.kernel import cause
from lingpai.kernel.errors import LingpaiError, forbidden, invalid_request
from lingpai.kernel.language import Language
from lingpai.services import Services

_TEMPLATES = rendering.environment(Path(__file__).with_name("templates"))
_FORM = "console form"
_FIELDS_MAX = 50

# The pages of the menu, in order: the path, and the name of its text.
MENU = (
    ("/console", "overview"),
    ("/console/users", "users"),
    ("/console/clients", "clients"),
    ("/console/roles", "roles"),
    ("/console/keys", "keys"),
    ("/console/sms", "sms"),
    ("/console/audit", "audit"),
    ("/console/health", "health"),
)


@dataclass(frozen=True)
class View:
    """A page's circumstances. `query` are the parameters of its address."""

    services: Services
    request: Request
    admin: Admin
    language: Language
    query: Mapping[str, str]

    @property
    def texts(self) -> Texts:
        """The texts in the page's language."""
        return Texts(self.language)

    @property
    def is_part(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return self.request.headers.get("hx-request") == "true"

    def page(
        self,
        template: str,
        values: Mapping[str, Any] | None = None,
        errors: Mapping[str, str] | None = None,
        error: LingpaiError | None = None,
        status: int = 200,
    ) -> Reply:
        """The page. `errors` are texts by field, with an empty name for the whole form; `error` is what was refused."""
        chosen = language.known(self.query.get("lang", ""))
        kept = (cookies.keep_language(self.request, chosen),) if chosen else ()
        shown = {
            "csrf": self.admin.mac(_FORM),
            "errors": errors or {},
            "note": "",
            "undo": {},
            **frame(self.texts, self.request, self.query),
            "person": self.admin.user.username or str(self.admin.user.id),
            "is_part": self.is_part,
            **(values or {}),
        }
        reply = render(self.texts, template, shown, error.status if error else status, error, kept)
        return reply.about(CONSOLE, error=error)

    def form(self, names: Collection[str], lines: Collection[str] = ()) -> dict[str, str]:
        """The fields of a form of ours, the empty ones too; LingpaiError `form_expired` for any other form."""
        return forms.read_all(self.services, self.request, self.admin.mac(_FORM), names, lines)

    def moment(self, at: int | None) -> str:
        """A time in the deployment's time zone, to the minute; empty for none."""
        return fields.moment_text(at, self.services.settings.utc_offset_minutes)[:16] if at else ""


def frame(texts: Texts, request: Request, query: Mapping[str, str]) -> dict[str, Any]:
    """What the frame of every page shows."""
    others = urlencode([(name, value) for name, value in query.items() if name not in ("lang", "code", "state")])
    return {
        "switch": f"{request.path}?{others}{'&' if others else ''}",
        "menu": [(path, texts(name), _is_here(path, request.path)) for path, name in MENU],
        "console_style": assets.STYLE.address,
        "console_script": assets.SCRIPT.address,
        "htmx": assets.HTMX.address,
    }


def _is_here(path: str, here: str) -> bool:
    """Whether the page `here` belongs to this entry of the menu: `/console/user` to `/console/users`."""
    section = "/".join(here.split("/")[:3])
    return section in (path, f"{path[:-1]}") if path != session.HOME else here == path


def render(
    texts: Texts,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    error: LingpaiError | None = None,
    set_cookies: tuple[str, ...] = (),
) -> Reply:
    """A page of the console from its template."""
    nonce = rendering.new_nonce()
    return rendering.page(
        _TEMPLATES.get_template(template),
        texts,
        {"brand": rendering.brand(None), **values},
        nonce=nonce,
        status=status,
        policy=rendering.policy(nonce, fetches=True),
        headers=error_headers(error) if error else None,
        cookies=set_cookies,
    )


def load_templates() -> None:
    """Compile all templates."""
    rendering.load(_TEMPLATES)


def load_before_snapshot() -> None:
    """Have the runtime compile all templates before it makes a snapshot."""
    register_before_snapshot(load_templates)


def query_of(request: Request) -> dict[str, str]:
    """The parameters of the address; LingpaiError for what is repeated, too much or not UTF-8."""
    try:
        pairs = parse_qsl(request.query, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise invalid_request("malformed_body", zh="参数过多或不是 UTF-8", en="too much, or not UTF-8") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise invalid_request("duplicate_parameter", name=name)
        found[name] = value
    return found


def language_of(request: Request, query: Mapping[str, str]) -> Language:
    """The language of a page: the one just chosen, else that of the cookie or the browser."""
    return language.known(query.get("lang", "")) or language.of(request)


def admins(*, recent: bool = False) -> Callable[[Callable[[View], Reply]], Endpoint]:
    """An endpoint for admins alone; all others are sent to log in.

    With `recent`, also those whose login is older than RECENT_LOGIN: for what changes something.
    """

    def wrap(show: Callable[[View], Reply]) -> Endpoint:
        @functools.wraps(show)
        def endpoint(services: Services, request: Request) -> Reply:
            query, settings = query_of(request), services.settings
            max_age = min(settings.recent_login, settings.console_login_max) if recent else settings.console_login_max
            found = session.read(services, request)
            if found is None or (recent and not recent_login.is_recent(services, found.session)):
                return _log_in(services, request, max_age)
            cause.note(actor=f"user:{found.user.id}", client=CONSOLE)
            return show(View(services, request, found, language_of(request, query), query))

        return endpoint

    return wrap


def _log_in(services: Services, request: Request, max_age: int) -> Reply:
    """To the login, and back to this page; a form is filled in again then."""
    if request.method == "POST" and not forms.is_same_site(services, request):
        raise forbidden("form_expired")
    here = request.path + (f"?{request.query}" if request.query else "")
    if request.headers.get("hx-request") == "true":
        # htmx would show the login in the place of the part.
        then = quote(session.onward(here), safe="")
        return Reply(204, "", {"HX-Redirect": f"/console/login?then={then}", "Cache-Control": "no-store"})
    return session.log_in(services, request, here, max_age)


def address(path: str, **parameters: str | int | None) -> str:
    """The address of a page with these parameters, without the empty ones."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def console_route(
    path: str,
    endpoint: Endpoint,
    methods: tuple[str, ...] = ("GET",),
    query_credentials: frozenset[str] = frozenset(),
) -> Route:
    """A route of the console, whose refusals are pages."""
    return Route(
        path,
        endpoint,
        refused,
        methods,
        query_credentials=query_credentials,
        is_on=lambda settings: settings.console,
    )


def refused(error: LingpaiError, request: Request) -> Reply:
    """The page for what no other page shows; with a way to log in as somebody else."""
    texts = Texts(language.of(request))
    values = {
        **frame(texts, request, {}),
        "menu": [],
        "person": "",
        "csrf": "",
        "note": "",
        "errors": {},
        "is_part": False,
        "title": texts("not_allowed" if error.status in (401, 403) else "error"),
        "text": texts.sentence(texts.refusal(error)),
        "another": error.reason in ("admin_only", "insufficient_user_authentication", "login_unconfirmed"),
    }
    status = 403 if error.status == 401 else error.status
    return render(texts, "refused.html", values, status, error)
