"""Write docs/postman.json: a Postman collection (v2.1) with each example request, in a folder for each feature.

    make openapi

Its variables are the address of the server and the ids and secrets of the demo clients. Tokens, codes and ids are those
of `make run SAM_LOCAL=1`, which answers each request with the status that the request's test expects, once.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lingpai.http.example import DJANGO, MACHINE, PASSPORT, STANDARD, WEB, WEB_APP, Example
from local import examples
from local.examples import EXAMPLES, Values
from tools import write_events, write_openapi

PAGE = Path(__file__).resolve().parent.parent / "docs" / "postman.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ABOUT = (
    "Each example of docs/openapi.yaml. With `make run SAM_LOCAL=1` freshly started, and with OIDC_PROVIDERS and"
    " LINK_PROVIDERS of events/env.local.json, all of them are answered with the status that their test expects;"
    " elsewhere, set the variables and your own tokens, codes and ids."
)
_BASE_URL = "http://127.0.0.1:3000"
_CLIENTS: Mapping[str, tuple[str, str]] = {
    "web": WEB,
    "webApp": WEB_APP,
    "standard": STANDARD,
    "machine": MACHINE,
    "django": (DJANGO["client_id"], DJANGO["client_secret"]),
    "passport": (PASSPORT["client_id"], PASSPORT["client_secret"]),
}
_BY_ID = {client_id: name for name, (client_id, _) in _CLIENTS.items()}


def collection() -> dict[str, Any]:
    """The collection."""
    values = write_events.example_values()
    folders: dict[str, list[dict[str, Any]]] = {}
    # No two features have a path in common.
    features = {route.path: route.endpoint.__module__.split(".")[1] for route in write_openapi.routes()}
    for name, example in EXAMPLES.items():
        feature = features.get(example.path) or features[write_openapi.open_path(example.path)]
        folders.setdefault(feature, []).append(_item(name, example, values.get(name, {})))
    return {
        "info": {"name": "Lingpai", "schema": SCHEMA, "description": _ABOUT},
        "item": [{"name": name, "item": items} for name, items in sorted(folders.items())],
        "variable": [{"key": key, "value": value} for key, value in _variables().items()],
    }


def text() -> str:
    """The content of docs/postman.json."""
    return json.dumps(collection(), ensure_ascii=False, indent=1) + "\n"


def _variables() -> dict[str, str]:
    found = {"baseUrl": _BASE_URL}
    for name, (client_id, secret) in _CLIENTS.items():
        found |= {f"{name}ClientId": client_id, f"{name}ClientSecret": secret}
    return found


def _item(name: str, example: Example, values: Values) -> dict[str, Any]:
    check = f'pm.test("{example.status}", () => pm.response.to.have.status({example.status}));'
    return {
        "name": name,
        "request": _request(example, values),
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": [check]}}],
        "protocolProfileBehavior": {"followRedirects": False},
    }


def _request(example: Example, values: Values) -> dict[str, Any]:
    path = example.path.removeprefix("/")
    request: dict[str, Any] = {
        "method": example.method,
        "url": {"raw": f"{{{{baseUrl}}}}/{path}", "host": ["{{baseUrl}}"], "path": path.split("/")},
        "header": [],
        "auth": _auth(example, values),
    }
    fields = _with_variables(examples.filled(example.fields, values))
    if example.form is not None:
        pairs = [{"key": key, "value": str(value)} for key, value in fields.items()]
        request["body"] = {"mode": "urlencoded", "urlencoded": pairs}
    elif example.content is not None:
        raw = json.dumps(fields, ensure_ascii=False, indent=2)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return request


def _auth(example: Example, values: Values) -> dict[str, Any]:
    if example.bearer:
        return {"type": "bearer", "bearer": [{"key": "token", "value": values["token"], "type": "string"}]}
    if example.basic is None:
        return {"type": "noauth"}
    name = _BY_ID[example.basic[0]]
    told = {"username": f"{{{{{name}ClientId}}}}", "password": f"{{{{{name}ClientSecret}}}}"}
    return {"type": "basic", "basic": [{"key": key, "value": value, "type": "string"} for key, value in told.items()]}


def _with_variables(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the variables of the client that they name."""
    name = _BY_ID.get(str(fields.get("client_id")))
    own = {"client_id": f"{{{{{name}ClientId}}}}", "client_secret": f"{{{{{name}ClientSecret}}}}"} if name else {}
    return {key: own.get(key, value) for key, value in fields.items()}


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
    print(f"{sum(len(folder['item']) for folder in collection()['item'])} requests in docs/{PAGE.name}")
