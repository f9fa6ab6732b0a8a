"""A browser without a screen, at the pages of a target: it keeps cookies and fills in forms."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from tests.blackbox.service import Person, Service
from tests.support.logs import LOGS
from tests.support.pages import Form, Page, read


@dataclass
class Visitor:
    """Someone with an English browser."""

    service: Service
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, target: str) -> Page:
        """The answer to a GET, which may lead elsewhere."""
        return self._call("GET", target, None)

    def send(self, form: Form, **filled: str) -> Page:
        """The answer to this form."""
        return self._call("POST", form.action, {**form.fields, **filled})

    def log_in(self, person: Person, target: str = "/login?way=password") -> Page:
        """Log in by the password, and see where that leads."""
        form = self.get(target).form(action="password")
        return self.send(form, username=person.username, password=person.password)

    def _call(self, method: str, target: str, form: dict[str, str] | None) -> Page:
        headers = {"accept-language": "en", "sec-fetch-site": "same-origin"}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.service.call(method, target, form=form, headers=headers)
        for text in answer.headers.get("set-cookie", "").split(", "):
            for name, morsel in SimpleCookie(text).items():
                self.cookies[name] = morsel.value
                if morsel.value:
                    LOGS.hush("cookie", morsel.value)
        return read(target, answer)
