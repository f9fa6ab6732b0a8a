"""Write docs/openapi.yaml, every route with what it takes and answers, and example requests; and the same as JSON.

    .venv/bin/python -m tools.write_openapi

In: the routes of functions/*/app.py, and the `OPERATIONS` and `EXAMPLES` in the module `api` beside each endpoint.
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import TypeAdapter

from lingpai.api_docs import routes as api_docs
from lingpai.http.api import Css, Csv, Html, JavaScript, NotModified, Operation, Redirect
from lingpai.http.example import Example
from lingpai.http.router import ANY_NAME, Endpoint, Route
from lingpai.legacy import usercenter
from local import examples
from local.examples import EXAMPLES
from tools import write_events

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "openapi.yaml"
DEPLOYED = api_docs.ASSETS / "openapi.json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
HEADER = "# Written by `make openapi` from the modules `api` of layers/common/lingpai: change those instead.\n"
# What stands in it besides.
HEAD = ROOT / "tools" / "openapi-head.yaml"
# The media types of answers that are no JSON.
TEXTS: Mapping[Any, str] = {Html: "text/html", Css: "text/css", JavaScript: "text/javascript", Csv: "text/csv"}
type _Mode = Literal["validation", "serialization"]
# By the type and whether it is a body (`validation`) or an answer (`serialization`).
type _Schemas = Mapping[tuple[str, _Mode], dict[str, Any]]


def operations() -> Mapping[Endpoint, Operation]:
    """The descriptions of all endpoints."""
    found: dict[Endpoint, Operation] = {}
    for module in examples.api_modules():
        found |= module.OPERATIONS
    return found


def routes() -> Iterator[Route]:
    """The routes of all functions that have any."""
    for path in sorted(ROOT.glob("functions/*/app.py")):
        yield from getattr(importlib.import_module(f"functions.{path.parent.name}.app"), "ROUTES", ())


def open_path(path: str) -> str:
    """The path of the route whose last part is open, for a path below it."""
    return f"{path.rpartition('/')[0]}/{ANY_NAME}"


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    known = operations()
    schemas, components = _schemas(known)
    paths: dict[str, Any] = {}
    for route in routes():
        operation = {method: _operation(route, method, known[route.endpoint], schemas) for method in route.methods}
        path = route.path.replace(ANY_NAME, "{name}")
        paths[path] = {method.lower(): said for method, said in operation.items()}
        if path != route.path:
            paths[path]["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    refusals = {
        _response_name(status, kind): _response(status, schemas[repr(kind), "serialization"], kind)
        for operation in known.values()
        for status, kind in operation.refusals.items()
    }
    head: dict[str, Any] = yaml.safe_load(HEAD.read_text("utf-8"))
    components |= {"responses": dict(sorted(refusals.items())), "securitySchemes": head.pop("securitySchemes")}
    tags = [_described(tag) for tag in sorted({_tag(route.endpoint) for route in routes()})]
    return {**head, "tags": tags, "paths": paths, "components": components}


def text() -> str:
    """The content of docs/openapi.yaml."""
    return HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def json_text() -> str:
    """The content of the file that a deployment answers `/openapi.json` with; its servers are those of the request."""
    return json.dumps({**document(), "servers": []}, ensure_ascii=False, indent=1) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes values out each time, without YAML's aliases, and quotes digits, which some readers take for a number."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML gives it
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if text.isdecimal() else None)


_Dumper.add_representer(str, _represent_text)


def _schemas(known: Mapping[Endpoint, Operation]) -> tuple[_Schemas, dict[str, Any]]:
    """The JSON schemas of all types, and the document's components that have those of models."""
    wanted = {
        (repr(kind), mode): (repr(kind), mode, TypeAdapter(kind))
        for operation in known.values()
        for kind, mode in _types(operation)
    }
    found, shared = TypeAdapter.json_schemas(wanted.values(), ref_template="#/components/schemas/{model}")
    models = {name: _trimmed(schema) for name, schema in sorted(shared["$defs"].items())}
    return {key: _trimmed(schema) for key, schema in found.items()}, {"schemas": models}


def _types(operation: Operation) -> Iterator[tuple[Any, _Mode]]:
    if operation.body is not None:
        yield operation.body, "validation"
    for kind in (operation.answer, *operation.refusals.values()):
        yield kind, "serialization"


def _trimmed(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_trimmed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _trimmed(item) for key, item in value.items()} if name == "properties" else _trimmed(value)
        for name, value in schema.items()
        if name != "title" or not isinstance(value, str)
    }


def _operation(route: Route, method: str, known: Operation, schemas: _Schemas) -> dict[str, Any]:
    path = route.path.removesuffix(f"/{ANY_NAME}")
    said: dict[str, Any] = {
        "summary": known.summary,
        "operationId": f"{method.lower()}{path}".replace("/", "_").replace(".", "_").replace("-", "_"),
        "tags": [_tag(route.endpoint)],
    }
    if route.endpoint.__doc__:
        said["description"] = "\n".join(line.strip() for line in route.endpoint.__doc__.splitlines()).strip()
    security = _security(route, known)
    if security:
        said["security"] = security
    if method == "POST" and known.body is not None:
        said["requestBody"] = _body(route, known, schemas)
    said["responses"] = {
        str(known.status): _response(known.status, schemas[repr(known.answer), "serialization"], known.answer),
        **{
            str(status): {"$ref": f"#/components/responses/{_response_name(status, kind)}"}
            for status, kind in known.refusals.items()
        },
    }
    return said


def _tag(endpoint: Endpoint) -> str:
    return endpoint.__module__.split(".")[1]


def _described(tag: str) -> dict[str, str]:
    """The feature of this name, as its package says."""
    return {"name": tag, "description": (importlib.import_module(f"lingpai.{tag}").__doc__ or "").strip()}


def _security(route: Route, known: Operation) -> list[dict[str, list[str]]]:
    """Which credentials the route takes; an empty object stands for none, or for those in the body."""
    if route.needs != "none":
        return [{"token": []}]
    if known.client != "none":
        return [{"client": []}, {}]
    return [{"token": []}, {}] if route.refused is usercenter.failure else []


def _body(route: Route, known: Operation, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas[repr(known.body), "validation"]
    kinds = ("application/json", *FORMS) if known.form else ("application/json",)
    content: dict[str, dict[str, Any]] = {kind: {"schema": schema} for kind in kinds}
    values = write_events.example_values()
    for name, example in EXAMPLES.items():
        if example.path == route.path and (kind := _kind(example)) is not None:
            filled = examples.filled(example.fields, values.get(name, {}))
            sent = {"description": f"With HTTP Basic {':'.join(example.basic)}"} if example.basic else {}
            content[kind].setdefault("examples", {})[name] = {"summary": name, **sent, "value": filled}
    return {"required": True, "content": content}


def _kind(example: Example) -> str | None:
    if example.form is not None:
        return FORMS[0]
    return "application/json" if example.content is not None else None


def _response_name(status: int, kind: Any) -> str:
    return "Or".join(part.__name__ for part in get_args(kind) or (kind,)) + str(status)


def _response(status: int, schema: dict[str, Any], kind: Any) -> dict[str, Any]:
    if kind is Redirect:
        headers = {"Location": {"required": True, "schema": {"type": "string"}}}
        return {"description": HTTPStatus(status).phrase, "headers": headers}
    if kind is NotModified:
        return {"description": HTTPStatus(status).phrase}
    media = [TEXTS[part] for part in get_args(kind) or (kind,) if part in TEXTS] or ["application/json"]
    return {"description": HTTPStatus(status).phrase, "content": {name: {"schema": schema} for name in media}}


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
    DEPLOYED.write_text(json_text(), "utf-8")
    print(f"{len(document()['paths'])} paths in {PAGE.relative_to(ROOT)}")
