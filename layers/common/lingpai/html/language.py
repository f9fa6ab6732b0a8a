"""The language of a page: chosen by its reader, else wished by the client, else preferred by the browser."""

from collections.abc import Iterable

from lingpai.http.request import Request
from lingpai.kernel.language import Language

COOKIE = "lingpai-lang"
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def of(request: Request, ui_locales: Iterable[str] = ()) -> Language:
    """The language for a page. `ui_locales` are those of the authorization request, the best one first."""
    chosen = known(request.cookies.get(COOKIE, ""))
    if chosen is not None:
        return chosen
    wished = (known(locale.partition("-")[0].lower()) for locale in ui_locales)
    return next((language for language in wished if language is not None), request.language)


def known(text: str) -> Language | None:
    """The language of this tag; None for one that the pages are not written in."""
    return next((language for language in LANGUAGES if language == text), None)
