"""`/openapi.json` and `/docs`: docs/openapi.yaml as JSON, and Swagger UI to read it. All files are in `assets`.

They are read when they are asked for, since nobody asks often. Swagger UI is kept compressed (`make swagger-ui`).
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from lingpai.http.oauth_error import oauth_error
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.http.router import ANY_NAME, Endpoint, Route, not_found
from lingpai.services import Services

DOCUMENT, PAGE, FILES = "/openapi.json", "/docs", "/docs/assets/"
ASSETS = Path(__file__).with_name("assets")
_AGE = "public, max-age=3600"
# The pictures and some styles of Swagger UI stand in its own stylesheet and elements; all else comes from this origin.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class _File:
    """A file of the page: its name in `assets`, where `.gz` says that it is compressed, and its media type."""

    name: str
    content_type: str


_FILES: Mapping[str, _File] = {
    "swagger-ui.css": _File("swagger-ui.css.gz", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": _File("swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"),
    "start.js": _File("start.js", "text/javascript; charset=utf-8"),
}


def document(services: Services, request: Request) -> Reply:
    """The OpenAPI document of this deployment: its server is the issuer."""
    said = orjson.loads((ASSETS / "openapi.json").read_bytes()) | {"servers": [{"url": services.issuer}]}
    return _kept(services, request, orjson.dumps(said), {"Content-Type": "application/json"})


def page(services: Services, request: Request) -> Reply:
    """The page that shows the document."""
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return _kept(services, request, (ASSETS / "docs.html").read_bytes(), headers)


def file(services: Services, request: Request) -> Reply:
    """A script or the stylesheet of the page; 404 for any other name."""
    found = _FILES.get(request.path.removeprefix(FILES))
    if found is None:
        return not_found()
    headers = {"Content-Type": found.content_type}
    return _kept(services, request, (ASSETS / found.name).read_bytes(), headers, packed=found.name.endswith(".gz"))


def _kept(
    services: Services, request: Request, content: bytes, headers: Mapping[str, str], *, packed: bool = False
) -> Reply:
    """The content, which caches may keep; 304 if the caller has it (RFC 9110 section 13.1.2).

    `packed` content is compressed, and is sent so to whoever takes that.
    """
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # API Gateway adds the origin that may read it, where CORS is on.
    varies = [*(["Origin"] if services.settings.cors_origins else []), *(["Accept-Encoding"] if packed else [])]
    kept = {"Cache-Control": _AGE, "ETag": tag, **({"Vary": ", ".join(varies)} if varies else {})}
    known = request.headers.get("if-none-match", "").replace("W/", "").split(",")
    if tag in map(str.strip, known):
        return Reply(304, headers=kept)
    if not packed:
        return Reply(200, content.decode(), {**headers, **kept})
    if "gzip" in request.headers.get("accept-encoding", ""):
        text = base64.b64encode(content).decode()
        return Reply(200, text, {**headers, **kept, "Content-Encoding": "gzip"}, is_base64=True)
    # Another representation, and so another tag (section 8.8.3.3).
    kept["ETag"] = f'{tag[:-1]}-plain"'
    return Reply(200, gzip.decompress(content).decode(), {**headers, **kept})


def _route(path: str, endpoint: Endpoint) -> Route:
    return Route(
        path,
        endpoint,
        lambda error, _: oauth_error(error),
        methods=("GET",),
        is_on=lambda settings: settings.api_docs,
    )


ROUTES = (_route(DOCUMENT, document), _route(PAGE, page), _route(f"{FILES}{ANY_NAME}", file))
