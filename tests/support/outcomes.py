"""What events are answered, in a form that can be compared between runs: ids, tokens and times become their types."""

import base64
import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import Server
from tests.support.stores import ROOT
from tools.write_events import EXAMPLES

# The requests among the files of events/.
EVENTS: dict[str, dict[str, Any]] = {
    name: json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8")) for name in sorted(EXAMPLES)
}
# What no two runs have alike.
_DRAWN = {
    *(
        "access_token",
        "auth_session",
        "authorization_code",
        "refresh_token",
        "accessToken",
        "refreshToken",
        "id",
        "createTime",
        "iat",
        "exp",
        "iss",
        "issuer",
    ),
    "keys",
    "servers",
}
_DRAWN_WHERE_LONG = {"result", "user", "message"}
# A function gives its cookies beside its headers.
_OF_THE_WAY = {"apigw-requestid", "connection", "content-length", "date", "server", "set-cookie"}
# The address of a server of ours, as it is and in a parameter.
_OWN_ORIGIN = re.compile(r"https?(://|%3A%2F%2F)127\.0\.0\.1(?:(?::|%3A)\d+)?(?=[/%])")
# What a page draws: its nonces, in its markup and in a header, the token of its forms, and what binds the console's
# login to a browser.
_DRAWN_IN_PAGES = re.compile(r"""(nonce=["']|'nonce-|name="csrf" value="|[?&](?:code_challenge|state)=)[\w.-]+""")


@dataclass(frozen=True)
class Outcome:
    """Status, headers in lower case, and the body with what differs from run to run as its type."""

    status: int
    headers: dict[str, str]
    body: Any


def of_lambda(answer: dict[str, Any]) -> Outcome:
    """The outcome of a function's answer in payload format 2.0."""
    assert set(answer) >= {"statusCode"}, answer
    body = answer.get("body") or ""
    text = base64.b64decode(body).decode() if answer.get("isBase64Encoded") else body
    typed = {"content-type": "text/plain; charset=utf-8"}  # as an HTTP API says of an answer without a type
    given = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    return _outcome(answer["statusCode"], typed | given, text)


def of_server(server: Server, event: dict[str, Any]) -> Outcome:
    """The outcome of the request that the event tells of, at the local server. A redirect is not followed."""
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    asked = urllib.request.Request(  # noqa: S310  127.0.0.1
        server.url + event["rawPath"],
        data=raw or None,
        headers={name: value for name, value in event["headers"].items() if name not in {"host", "content-length"}},
        method=event["requestContext"]["http"]["method"],
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(asked, timeout=30) as answer:
            return _outcome(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return _outcome(error.code, dict(error.headers), error.read().decode())


def architecture() -> str:
    """This machine's processor as the template names it."""
    return {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def built(folder: str) -> Path:
    """What SAM built into .aws-sam/<folder>."""
    return ROOT / ".aws-sam" / folder


def _outcome(status: int, headers: dict[str, str], text: str) -> Outcome:
    kept = {
        name.lower(): _OWN_ORIGIN.sub(r"https\1own", _DRAWN_IN_PAGES.sub(r"\1drawn", value))
        for name, value in headers.items()
        if name.lower() not in _OF_THE_WAY
    }
    if text and "json" in kept["content-type"]:
        # Of a document that has the address of its server.
        kept |= dict.fromkeys(kept.keys() & {"etag"}, "drawn")
        return Outcome(status, kept, _plain(json.loads(text)))
    return Outcome(status, kept, _DRAWN_IN_PAGES.sub(r"\1drawn", text))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Has a redirect raised as an HTTPError."""

    def redirect_request(self, *_: Any) -> None:
        """Make no further request."""


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return "list" if name in _DRAWN else [_plain(inner) for inner in value]
    drawn = name in _DRAWN or (name in _DRAWN_WHERE_LONG and (isinstance(value, int) or len(str(value)) > 60))
    if value is not None and (drawn or name.endswith(("_endpoint", "_uri"))):
        return type(value).__name__
    return value
