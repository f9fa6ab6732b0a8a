"""`/docs`: docs/openapi.yaml shown by Swagger UI, which `make swagger-ui` fetches. No deployment has this path."""

from collections.abc import Mapping
from pathlib import Path

from local.environment import DOCS_PATH, ROOT
from local.gateway import Reply, Request, message
from local.http_server import Answer

SWAGGER_UI = ROOT / ".cache" / "swagger-ui" / "node_modules" / "swagger-ui-dist"

_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Lingpai</title>
<link rel="stylesheet" href="{DOCS_PATH}/swagger-ui.css">
<div id="page">Run <code>make swagger-ui</code> to see the page, or read
<a href="{DOCS_PATH}/openapi.yaml">openapi.yaml</a>.</div>
<script src="{DOCS_PATH}/swagger-ui-bundle.js"></script>
<script src="{DOCS_PATH}/start.js"></script>
</html>
"""
_START = f"""SwaggerUIBundle({{url: "{DOCS_PATH}/openapi.yaml", dom_id: "#page", deepLinking: true}});\n"""
_TEXTS: Mapping[str, tuple[str, str]] = {
    DOCS_PATH: ("text/html; charset=utf-8", _PAGE),
    f"{DOCS_PATH}/start.js": ("text/javascript", _START),
}
_FILES: Mapping[str, tuple[str, Path]] = {
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
        if path not in _TEXTS and path not in _FILES:
            return answer(request)
        if request.method not in {"GET", "HEAD"}:
            return message(405, "Method Not Allowed")
        try:
            kind, body = _content(path)
        except FileNotFoundError:
            return message(404, "Not fetched yet: run `make swagger-ui`")
        return Reply(200, (("content-type", kind), ("content-security-policy", _POLICY)), body)

    return answer_or_show


def _content(path: str) -> tuple[str, bytes]:
    if path in _TEXTS:
        kind, text = _TEXTS[path]
        return kind, text.encode()
    kind, file = _FILES[path]
    return kind, file.read_bytes()
