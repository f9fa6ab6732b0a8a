"""The handler behind a WSGI server, the one that stands before Django and Flask: an event for each environ."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from benchmarks.peers.apps.event import make_event
from benchmarks.peers.apps.lingpai_app import context, handler

_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """See PEP 3333."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    event = make_event(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        environ["QUERY_STRING"],
        headers,
        body,
        environ["REMOTE_ADDR"],
    )
    answer = handler()(event, context())
    content = answer["body"].encode()
    named = [*answer["headers"].items(), ("Content-Length", str(len(content)))]
    start_response(_LINES[answer["statusCode"]], named)
    return [content]
