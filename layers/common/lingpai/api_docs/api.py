"""What `/openapi.json` and `/docs` answer (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Any

from lingpai.api_docs import routes
from lingpai.http.api import Answer, Css, Html, JavaScript, NotModified, Operation, oauth_refusals
from lingpai.http.example import Example
from lingpai.http.router import Endpoint


class NotFound(Answer):
    """The answer to any path that is not there."""

    message: str


_REFUSALS: Mapping[int, Any] = {304: NotModified, 404: NotFound, **oauth_refusals()}

OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.document: Operation("Return this document, where API_DOCS is on", dict[str, Any], _REFUSALS),
    routes.page: Operation("Show this document, where API_DOCS is on", Html, _REFUSALS),
    routes.file: Operation("A script or the stylesheet of that page", Css | JavaScript, _REFUSALS),
}

EXAMPLES: Mapping[str, Example] = {
    "api-document": Example(routes.DOCUMENT, method="GET"),
    "api-docs": Example(routes.PAGE, method="GET"),
    "api-docs-script": Example(f"{routes.FILES}start.js", method="GET"),
}
