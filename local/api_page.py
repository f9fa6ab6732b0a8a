"""`/docs`: docs/openapi.yaml shown by Swagger UI, which `make swagger-ui` fetches. No deployment has this path."""

from collections.abc import Mapping
from pathlib import Path

from local.environment import DOCS_PATH, ROOT
from local.gateway import Reply, Request, message
from local.http_server import Answer

SWAGGER_UI = ROOT / ".cache" / "swagger-ui" / "node_modules" / "swagger-ui-dist"

_PAGES = Path(__file__).with_name("pages")
_FILES: Mapping[str, tuple[str, Path]] = {
    DOCS_PATH: ("text/html; charset=utf-8", _PAGES / "docs.html"),
    f"{DOCS_PATH}/start.js": ("text/javascript", _PAGES / "start.js"),
    f"{DOCS_PATH}/openapi.yaml": ("application/yaml", ROOT / "docs" / "openapi.yaml"),
    f"{DOCS_PATH}/swagger-ui.css": ("text/css", SWAGGER_UI / "swagger-ui.css"),
    f"{DOCS_PATH}/swagger-ui-bundle.js": ("text/javascript", SWAGGER_UI / "swagger-ui-bundle.js"),
}
# Everything comes from this server, but for the pictures and styles that Swagger UI writes into its own page.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def with_page(answer: Answer) -> Answer:
    """Serve the page and its files as well."""

    def answer_or_show(request: Request) -> Reply:
        path = request.path.rstrip("/")
        if path not in _FILES:
            return answer(request)
        if request.method not in {"GET", "HEAD"}:
            return message(405, "Method Not Allowed")
        kind, file = _FILES[path]
        try:
            return Reply(200, (("content-type", kind), ("content-security-policy", _POLICY)), file.read_bytes())
        except FileNotFoundError:
            return message(404, "Not fetched yet: run `make swagger-ui`")

    return answer_or_show
