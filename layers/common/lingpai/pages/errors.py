"""Error pages: what went wrong, in words, and where to go from there. Nothing is redirected."""

from urllib.parse import parse_qsl

from lingpai.html import language
from lingpai.http.request import Request, form_text
from lingpai.http.response import Reply, error_headers
from lingpai.http.router import Endpoint, Route
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import onward, rendering
from lingpai.pages.texts import Texts
from lingpai.services import Services

# The pages that can be opened again.
_PAGES = {"/login", "/register", "/reset", "/account"}


def page_route(
    path: str,
    endpoint: Endpoint,
    methods: tuple[str, ...] = ("GET", "POST"),
    query_credentials: frozenset[str] = frozenset(),
) -> Route:
    """A route whose refusals are pages."""
    return Route(path, endpoint, refused, methods, query_credentials=query_credentials)


def refused(error: LingpaiError, request: Request) -> Reply:
    """The page for a refusal that no other page shows.

    That of an authorization request says that the app has made a mistake: its user cannot mend that.
    """
    said = Texts(language.of(request))
    text = said.sentence(said.refusal(error))
    is_apps = request.path == onward.AUTHORIZE and error.status < 429
    if is_apps:
        title, texts = said("bad_request"), [said("bad_request_text"), said("reason", reason=text)]
    else:
        title, texts = said("error"), [text]
    # A browser that came back from a provider begins anew.
    start = "/login" if request.path.startswith("/login/") else request.path
    again = start in _PAGES and error.status != 405
    return _page(
        said,
        title,
        texts,
        link=_link(request, start) if again else "",
        # 401 is for what a browser can be asked for by its header.
        status=400 if error.status == 401 else error.status,
        headers=error_headers(error),
    )


def show(_services: Services, request: Request) -> Reply:
    """A page that says that something went wrong, for whoever was sent here. It shows nothing that a link can say."""
    said = Texts(language.of(request))
    return _page(said, said("error"), [said("error_text")])


def _page(
    said: Texts,
    title: str,
    texts: list[str],
    *,
    link: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Reply:
    values = {
        "title": title,
        "texts": texts,
        "link": link,
        "link_text": said("start_again"),
        "switch": "/error?",
    }
    return rendering.page("message.html", said.language, values, status=status, headers=headers)


def _link(request: Request, start: str) -> str:
    """Where to begin anew: with the authorization request, which may be what is wrong; else with the page `start`."""
    try:
        fields = dict(parse_qsl(form_text(request) if request.method == "POST" else request.query))
        going = onward.checked(fields.get("continue", ""))
        return going if onward.request_of(going) else f"{start}{onward.tail(going)}"
    except (LingpaiError, ValueError):
        return start
