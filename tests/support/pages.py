"""A browser for the hosted pages, without a screen: it keeps cookies, follows redirects of ours, and fills in forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from lingpai.sessions import service as sessions
from tests.support.api import Answer, Api
from tests.support.logs import LOGS

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)


@dataclass
class Form:
    """A form of a page: where it is sent to, and its fields with their values."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What a browser shows: the address, the answer, and what stands on the page."""

    target: str
    answer: Answer
    forms: list[Form]
    links: list[str]
    text: str

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.answer.status

    @property
    def location(self) -> str:
        """Where the answer leads; empty where it shows a page."""
        return self.answer.headers.get("location", "")

    def form(self, **fields: str) -> Form:
        """The first form that has these fields with these values."""
        return next(form for form in self.forms if fields.items() <= form.fields.items())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not [name for name in given if name.startswith("on") or name == "style"], f"inline in {tag}"
        match tag:
            case "form":
                self.forms.append(Form(given["action"]))
            case "input" | "select" if given.get("type") != "checkbox":
                self.forms[-1].fields[given["name"]] = given.get("value", "")
            case "a":
                self.links.append(given["href"])
            case _:
                pass

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def read(target: str, answer: Answer) -> Page:
    """The answer to a request for `target` as a page."""
    reader = _Reader()
    if answer.headers.get("content-type", "").startswith("text/html"):
        reader.feed(answer.body)
    return Page(target, answer, reader.forms, reader.links, " ".join(filter(None, reader.words)))


@dataclass
class Browser:
    """Someone at the pages, from one address, in one language."""

    api: Api
    language: str = "en"
    source_ip: str = "192.0.2.1"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, target: str, **headers: str) -> Page:
        """The page at this address, or where it leads to among our own."""
        return self._follow(self.call("GET", target, headers={"sec-fetch-site": "none", **headers}))

    def call(
        self, method: str, target: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        """One request, as it is answered."""
        sent = {"Accept-Language": self.language, "User-Agent": CHROME, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.api.call(method, target, form=form, headers=sent, source_ip=self.source_ip)
        if "set-cookie" in answer.headers:
            self._keep(answer.headers["set-cookie"])
        return read(target, answer)

    def submit(self, form: Form, **filled: str) -> Page:
        """Send the form with these fields filled in."""
        return self._follow(self.send(form, **filled))

    def send(self, form: Form, **filled: str) -> Page:
        """As `submit`, but the answer itself."""
        fields = {**form.fields, **filled}
        return self.call("POST", form.action, fields, {"sec-fetch-site": "same-origin", "origin": "null"})

    def log_in(self, username: str = "alice", password: str = "correct horse battery", target: str = "/login") -> Page:
        """Log in by a password, from the page at `target` on."""
        page = self.get(target)
        way = next(link for link in page.links if link.endswith("way=password"))
        return self.submit(self.get(way).form(action="password"), username=username, password=password)

    @property
    def session_cookie(self) -> str:
        """The cookie of its login; empty without one."""
        return next((value for name, value in self.cookies.items() if name in ("lingpai", "__Host-lingpai")), "")

    @property
    def is_logged_in(self) -> bool:
        """Whether the account page is shown to it."""
        return self.call("GET", "/account").status == 200

    @property
    def methods(self) -> tuple[str, ...]:
        """How it has logged in; it has to be logged in."""
        presented = sessions.parse(self.session_cookie)
        assert presented is not None
        session = self.api.services.store.look_up_browser(presented.key).session
        assert session is not None
        return session.methods

    def _follow(self, page: Page) -> Page:
        for _ in range(5):
            if not page.location.startswith("/"):
                break
            page = self.call("GET", page.location)
        return page

    def _keep(self, header: str) -> None:
        for text in header.split("\n"):
            for name, morsel in SimpleCookie(text).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
                    LOGS.hush("cookie", morsel.value)


def path(location: str) -> str:
    """The path of an address."""
    return urlsplit(location).path
