"""The stylesheet and the scripts of the console. htmx is another's, and is written here by `make htmx`."""

from pathlib import Path

from lingpai.html import assets
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.services import Services

_FOLDER = Path(__file__).with_name("assets")
_SCRIPT_TYPE = "text/javascript; charset=utf-8"

STYLE = assets.read(_FOLDER, "console.css", "text/css; charset=utf-8")
SCRIPT = assets.read(_FOLDER, "console.js", _SCRIPT_TYPE)
HTMX = assets.read(_FOLDER, "htmx.js", _SCRIPT_TYPE)


def style(_services: Services, request: Request) -> Reply:
    """What the console adds to the stylesheet of the pages."""
    return assets.answer(STYLE, request)


def script(_services: Services, request: Request) -> Reply:
    """The script of the console, which works without it."""
    return assets.answer(SCRIPT, request)


def htmx(_services: Services, request: Request) -> Reply:
    """Htmx: it asks for parts of pages."""
    return assets.answer(HTMX, request)
