"""Reads from `template.yaml` what a local server needs: routes, authorizers, functions, tables and the CORS rules.

In: the path of the template, and values for its parameters. Out: a frozen `Template`. CloudFormation's functions are
kept as they stand and resolved only where that needs neither AWS nor a stack: a `!Ref` of a table is its logical id
(here a table bears that name), a `!Ref` of a parameter is its value or default, a `!Sub` of those is their text.
Whatever else there is has no meaning here and is left out.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local.errors import LocalError

DEFAULT_ROUTE = "$default"

# In an installed package the template is beside this module; in the repository it is at its top.
_PACKAGED = Path(__file__).with_name("template.yaml")
FILE = _PACKAGED if _PACKAGED.exists() else Path(__file__).resolve().parent.parent / "template.yaml"


class TemplateError(LocalError):
    """The template says something that the local server cannot do. The text names it."""


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API: a method (or ANY), a path, and the logical id of its function.

    `authorizer` is the name of its authorizer; None for a public route. A token for a JWT authorizer must have one of
    the `scopes`, if there are any.
    """

    method: str
    path: str
    function: str
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The route key as events carry it: `ANY /oauth/token`, or `$default`."""
        return self.path if self.path == DEFAULT_ROUTE else f"{self.method} {self.path}"


@dataclass(frozen=True)
class JwtAuthorizer:
    """API Gateway checks signed tokens itself: their issuer and audience. `header` (lower case) has the token."""

    issuer: str
    audience: tuple[str, ...]
    header: str


@dataclass(frozen=True)
class LambdaAuthorizer:
    """A function decides, by payload format 2.0 with simple responses. `function` is its logical id.

    The request must have all `headers` (lower case). A decision is kept for `ttl` seconds for the same headers.
    """

    function: str
    headers: tuple[str, ...]
    ttl: int


type Authorizer = JwtAuthorizer | LambdaAuthorizer


@dataclass(frozen=True)
class Function:
    """One Lambda function: where its code lies, below the template's folder, and what it is given."""

    name: str
    code: str
    handler: str
    environment: Mapping[str, str]
    memory: int
    timeout: int


@dataclass(frozen=True)
class Table:
    """One table: the arguments for `create_table`, and the attribute by which its items expire, if any.

    `recoverable`: it has point-in-time recovery. `stream` are the arguments for its stream, if it has one.
    """

    name: str
    create: Mapping[str, Any]
    ttl: str | None
    recoverable: bool = False
    stream: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CorsRules:
    """What the HTTP API answers about cross-origin calls; the origins are a setting, not the template's."""

    methods: tuple[str, ...] = ("*",)
    headers: tuple[str, ...] = ("authorization", "content-type", "accept-language")
    exposed: tuple[str, ...] = ()
    max_age: int | None = None
    credentials: bool = False


@dataclass(frozen=True)
class Template:
    """What the local server takes from `template.yaml`. The authorizers are found by their names."""

    routes: tuple[Route, ...]
    functions: tuple[Function, ...]
    tables: tuple[Table, ...]
    cors: CorsRules
    authorizers: Mapping[str, Authorizer] = field(default_factory=dict)


@dataclass(frozen=True)
class _Call:
    """A CloudFormation function as it stands: `!Ref Table` is `_Call("Ref", "Table")`."""

    name: str
    argument: Any


class _Loader(yaml.CSafeLoader):
    """YAML as CloudFormation writes it. libyaml reads the template in a tenth of the time that Python takes."""


def _construct_call(loader: _Loader, suffix: str, node: yaml.Node) -> _Call:
    match node:
        case yaml.MappingNode():
            return _Call(suffix, loader.construct_mapping(node, deep=True))
        case yaml.SequenceNode():
            return _Call(suffix, loader.construct_sequence(node, deep=True))
        case _:
            return _Call(suffix, node.value)


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    """A mapping, or the long form of a function: `{Ref: Table}` and `{"Fn::Sub": text}`."""
    mapping = loader.construct_mapping(node, deep=True)
    name, argument = next(iter(mapping.items()), ("", None))
    if len(mapping) == 1 and isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
        return _Call(name.removeprefix("Fn::"), argument)
    return mapping


_Loader.add_multi_constructor("!", _construct_call)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


@functools.cache
def own() -> Template:
    """The template of this project, read once in this process; raises TemplateError as `load` does."""
    return load(FILE)


def load(path: Path, parameters: Mapping[str, str] | None = None) -> Template:
    """The template at `path`, with these parameters; raises TemplateError if it cannot be used."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise TemplateError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path}: not YAML: {error}") from None
    resources = document.get("Resources") if isinstance(document, dict) else None
    if not isinstance(resources, dict):
        raise TemplateError(f"{path}: no Resources")
    chosen = dict(parameters or {})
    if unknown := sorted(set(chosen) - set(document.get("Parameters", {}))):
        raise TemplateError(f"{path}: no parameter {', '.join(unknown)}")
    names = _parameters(document) | chosen | {name: name for name in _of_type(resources, "AWS::DynamoDB::Table")}
    shared = document.get("Globals", {}).get("Function", {})
    functions = _of_type(resources, "AWS::Serverless::Function")
    auth = _auth(document, resources)
    authorizers = {name: _authorizer(name, given, names) for name, given in auth.get("Authorizers", {}).items()}
    routes = [
        route for name, given in functions.items() for route in _routes(name, given, auth.get("DefaultAuthorizer"))
    ]
    for route in routes:
        if route.authorizer is not None and route.authorizer not in authorizers:
            raise TemplateError(f"{route.key}: there is no authorizer {route.authorizer}")
    return Template(
        routes=tuple(routes),
        functions=tuple(_function(name, given, shared, names) for name, given in functions.items()),
        tables=tuple(_table(name, given) for name, given in _of_type(resources, "AWS::DynamoDB::Table").items()),
        cors=_cors(document, resources, names),
        authorizers=authorizers,
    )


def _of_type(resources: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of each resource of this kind, by logical id."""
    return {
        name: resource.get("Properties", {}) for name, resource in resources.items() if resource.get("Type") == kind
    }


def _parameters(document: Mapping[str, Any]) -> dict[str, str]:
    """What `!Ref` of a parameter is: its default. A parameter that AWS would look up has none here."""
    return {
        name: _text(given["Default"])
        for name, given in document.get("Parameters", {}).items()
        if "Default" in given and not str(given.get("Type", "")).startswith("AWS::")
    }


def _auth(document: Mapping[str, Any], resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The API's authorizers and which of them is the default, as SAM's HttpApiAuth has them."""
    apis = [*_of_type(resources, "AWS::Serverless::HttpApi").values(), document.get("Globals", {}).get("HttpApi", {})]
    return next((api["Auth"] for api in apis if "Auth" in api), {})


def _authorizer(name: str, given: Mapping[str, Any], names: Mapping[str, str]) -> Authorizer:
    """A JWT authorizer (SAM: OAuth2Authorizer) or a Lambda authorizer (SAM: LambdaAuthorizer)."""
    match given:
        case {"JwtConfiguration": {"issuer": issuer, "audience": list(audience)}, "IdentitySource": str(source)}:
            resolved = [_resolve(value, names) for value in (issuer, *audience)]
            known = tuple(value for value in resolved if value)
            prefix, _, header = source.rpartition(".")
            if len(known) == len(resolved) and prefix == "$request.header":
                return JwtAuthorizer(known[0], known[1:], header.lower())
            raise TemplateError(f"{name}: the issuer and audiences must be known, and the token be in a header")
        case {
            "FunctionArn": _Call("GetAtt", str(arn)),
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": True,
            "Identity": {"Headers": [_, *_] as headers, "ReauthorizeEvery": int(ttl), **others},
        } if not others:
            return LambdaAuthorizer(arn.removesuffix(".Arn"), tuple(map(str.lower, headers)), ttl)
        case _:
            raise TemplateError(
                f"{name}: served here are JWT authorizers, and Lambda authorizers with payload format 2.0, simple "
                "responses, headers as the identity and ReauthorizeEvery"
            )


def _routes(function: str, given: Mapping[str, Any], default: str | None) -> Iterator[Route]:
    for event in given.get("Events", {}).values():
        if event.get("Type") != "HttpApi":
            continue
        properties = event.get("Properties", {})
        path = properties.get("Path", DEFAULT_ROUTE)
        method = str(properties.get("Method", "ANY")).upper()
        if "{" in path.removesuffix("/{proxy+}"):
            raise TemplateError(f"{function}: {path}: of the path variables only a last {{proxy+}} is served here")
        auth = properties.get("Auth", {})
        authorizer = auth.get("Authorizer", default)
        yield Route(
            "ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method,
            path,
            function,
            None if authorizer == "NONE" else authorizer,
            tuple(auth.get("AuthorizationScopes", ())),
        )


def _function(name: str, given: Mapping[str, Any], shared: Mapping[str, Any], names: Mapping[str, str]) -> Function:
    merged = {**shared, **given}
    code, handler = merged.get("CodeUri"), merged.get("Handler")
    if not isinstance(code, str) or not isinstance(handler, str):
        raise TemplateError(f"{name}: CodeUri and Handler must be plain text")
    variables: dict[str, Any] = {}
    for part in (shared, given):
        variables |= part.get("Environment", {}).get("Variables", {})
    resolved = {key: _resolve(value, names) for key, value in variables.items()}
    environment = {key: value for key, value in resolved.items() if value is not None}
    memory, timeout = _number(merged.get("MemorySize"), 128), _number(merged.get("Timeout"), 3)
    return Function(name, code, handler, environment, memory, timeout)


def _table(name: str, given: Mapping[str, Any]) -> Table:
    create: dict[str, Any] = {"TableName": name, "BillingMode": "PAY_PER_REQUEST"}
    create |= {key: given[key] for key in ("KeySchema", "AttributeDefinitions")}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if given.get(kind):
            create[kind] = [
                {key: index[key] for key in ("IndexName", "KeySchema", "Projection")} for index in given[kind]
            ]
    recovery = given.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
    stream = given.get("StreamSpecification")
    return Table(
        name,
        create,
        given.get("TimeToLiveSpecification", {}).get("AttributeName"),
        recovery is True,
        {"StreamEnabled": True, **stream} if stream else None,
    )


def _cors(document: Mapping[str, Any], resources: Mapping[str, Any], names: Mapping[str, str]) -> CorsRules:
    """The API's rules, or those of Globals; a rule that stands under a condition is taken as if it held."""
    apis = [document.get("Globals", {}).get("HttpApi", {}), *_of_type(resources, "AWS::Serverless::HttpApi").values()]
    for rules in (branch for api in apis for branch in _branches(api.get("CorsConfiguration"))):
        if isinstance(rules, dict):
            default = CorsRules()
            return CorsRules(
                methods=_words(rules.get("AllowMethods"), names) or default.methods,
                headers=_words(rules.get("AllowHeaders"), names) or default.headers,
                exposed=_words(rules.get("ExposeHeaders"), names),
                max_age=_number(rules.get("MaxAge"), -1) if "MaxAge" in rules else None,
                credentials=rules.get("AllowCredentials") is True,
            )
    return CorsRules()


def _branches(value: Any) -> tuple[Any, ...]:
    """Both branches of an `!If`, else the value itself."""
    match value:
        case _Call("If", [_, yes, no]):
            return (*_branches(yes), *_branches(no))
        case _:
            return (value,)


def _words(value: Any, names: Mapping[str, str]) -> tuple[str, ...]:
    """A list of texts, written as one or made by `!Split` of a text; empty where only a deployed stack could tell."""
    match value:
        case list():
            return tuple(word for word in value if isinstance(word, str))
        case _Call("Split", [str(separator), text]):
            return tuple(filter(None, (_resolve(text, names) or "").split(separator)))
        case _:
            return ()


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default


def _resolve(value: Any, names: Mapping[str, str]) -> str | None:
    """The value as text, or None where only a deployed stack could tell."""
    match value:
        case str() | bool() | int() | float():
            return _text(value)
        case _Call("Ref", str(name)):
            return names.get(name)
        case _Call("Sub", str(text)):
            for name, known in names.items():
                text = text.replace(f"${{{name}}}", known)
            return None if "${" in text else text
        case _Call("Join", [str(separator), words]):
            return separator.join(_words(words, names))
        case _:
            return None


def _text(value: str | float) -> str:
    """A scalar as CloudFormation hands it on: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
