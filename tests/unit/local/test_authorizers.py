"""Authorizers, as API Gateway has them: whole answers, and what functions are told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local import gateway, http_server
from local.authorizers import KEYS_TTL, make_authorize
from local.gateway import Gateway, Reply, Request
from local.template import Authorizer, JwtAuthorizer, LambdaAuthorizer, Route

ROUTES = (
    Route("GET", "/public", "Api"),
    Route("GET", "/opaque", "Api", "Opaque"),
    Route("POST", "/opaque", "Api", "Opaque"),
    Route("GET", "/signed", "Api", "Signed"),
    Route("GET", "/scoped", "Api", "Signed", ("read", "all")),
)
AUDIENCE = "https://api.example"
UNAUTHORIZED = gateway.message(401, "Unauthorized")
FORBIDDEN = gateway.message(403, "Forbidden")
BROKEN = gateway.message(500, "Internal Server Error")


@cache
def rsa_key(_: str) -> rsa.RSAPrivateKey:
    """The private key of this name."""
    return rsa.generate_private_key(65537, 2048)


EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(kid: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """The published half of a key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256"}
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "ES256"}


@dataclass
class World:
    """An API with authorizers, its clock, the issuer of its tokens, and what its functions were asked."""

    issuer: str = ""
    now: float = 1_000_000.0
    published: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    decide: Callable[[dict[str, Any]], object] = lambda _: {"isAuthorized": True}

    def publish(self, request: Request) -> Reply:
        """Answer as the issuer does."""
        self.fetched.append(request.path)
        documents = {
            "/.well-known/openid-configuration": {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"},
            "/keys": {"keys": self.published},
        }
        return Reply(200, body=json.dumps(documents[request.path]).encode())

    def invoke(self, name: str, event: dict[str, Any]) -> object:
        """The API's function answers what it was told of the caller."""
        if name == "Check":
            self.asked.append(event)
            return self.decide(event)
        assert name == "Api"
        return {"caller": event["requestContext"].get("authorizer")}

    def api(self, ttl: int = 60) -> Gateway:
        """The API."""
        authorizers: dict[str, Authorizer] = {
            "Opaque": LambdaAuthorizer("Check", ("authorization",), ttl),
            "Signed": JwtAuthorizer(self.issuer, (AUDIENCE, "another"), "authorization"),
        }
        return Gateway(ROUTES, self.invoke, make_authorize(authorizers, self.invoke, lambda: self.now))

    def token(self, key: Any = None, algorithm: str = "RS256", kid: str | None = "one", **changes: Any) -> str:
        """A good token with these changes; None leaves a claim out."""
        claims = {"iss": self.issuer, "aud": AUDIENCE, "exp": self.now + 60, "iat": self.now, "sub": "7", **changes}
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, key or rsa_key("one"), algorithm, {"kid": kid} if kid else None)


@pytest.fixture
def world() -> Iterator[World]:
    """The issuer publishes an RSA key and an EC key."""
    made = World(published=[jwk("one", rsa_key("one")), jwk("curve", EC_KEY)])
    with http_server.bind(0) as listener:
        made.issuer = f"http://127.0.0.1:{http_server.port_of(listener)}"
        with http_server.serving(listener, made.publish):
            yield made


def call(api: Gateway, path: str, authorization: str | None = None, method: str = "GET") -> Reply:
    """The answer, without what differs from request to request."""
    headers = (("Authorization", authorization),) if authorization is not None else ()
    reply = gateway.answer(api, Request(method, path, headers, b"{}" if method == "POST" else b""))
    return replace(reply, headers=tuple(pair for pair in reply.headers if pair[0] != "apigw-requestid"))


def told(reply: Reply) -> Any:
    """What the function was told of the caller, in an answer that must be a success."""
    assert reply.status == 200, reply
    return json.loads(reply.body)["caller"]


def test_a_public_route(world: World) -> None:
    assert told(call(world.api(), "/public")) is None
    assert told(call(world.api(), "/public", "Bearer x")) is None


# --- Lambda authorizers


@pytest.mark.parametrize("authorization", [None, ""])
def test_without_the_identity_no_function_is_invoked(world: World, authorization: str | None) -> None:
    assert call(world.api(), "/opaque", authorization) == UNAUTHORIZED
    assert world.asked == []


def test_the_context_reaches_the_function(world: World) -> None:
    world.decide = lambda _: {"isAuthorized": True, "context": {"subject": "7", "n": 1}}
    assert told(call(world.api(), "/opaque", "Bearer x")) == {"lambda": {"subject": "7", "n": 1}}
    world.decide = lambda _: {"isAuthorized": True}
    assert told(call(world.api(), "/opaque", "Bearer x")) == {"lambda": {}}


def test_a_denied_request(world: World) -> None:
    """The context of a denial is not shown."""
    world.decide = lambda _: {"isAuthorized": False, "context": {"subject": "7"}}
    assert call(world.api(), "/opaque", "Bearer x") == FORBIDDEN


@pytest.mark.parametrize(
    "result",
    [
        None,
        True,
        {},
        {"isAuthorized": "true"},
        {"isAuthorized": True, "context": []},
        {"isAuthorized": True, "context": None},
        {"isAuthorized": True, "context": {"a": object()}},
        {"principalId": "x", "policyDocument": {"Version": "2012-10-17", "Statement": []}},
    ],
)
def test_a_result_of_another_form(world: World, result: object) -> None:
    """API Gateway cannot use it, and answers for itself. It keeps nothing."""
    world.decide = lambda _: result
    api = world.api()
    assert call(api, "/opaque", "Bearer x") == BROKEN
    assert call(api, "/opaque", "Bearer x") == BROKEN
    assert len(world.asked) == 2


def test_a_failure_is_not_kept(world: World) -> None:
    def fail(_: dict[str, Any]) -> object:
        raise RuntimeError("the issuer does not answer")

    world.decide = fail
    api = world.api()
    assert call(api, "/opaque", "Bearer x") == BROKEN
    world.decide = lambda _: {"isAuthorized": True}
    assert told(call(api, "/opaque", "Bearer x")) == {"lambda": {}}


def test_the_event(world: World) -> None:
    """Payload format 2.0: the request without its body, the route, and the identity."""
    call(world.api(), "/opaque?a=1", "Bearer x", "POST")
    (event,) = world.asked
    arn = "arn:aws:execute-api:us-east-1:123456789012:local/$default/POST/opaque"
    expected = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": arn,
        "identitySource": ["Bearer x"],
        "routeKey": "POST /opaque",
        "rawPath": "/opaque",
        "rawQueryString": "a=1",
        "queryStringParameters": {"a": "1"},
        "headers": event["headers"],
        "requestContext": event["requestContext"],
    }
    assert event == expected
    assert event["headers"]["authorization"] == "Bearer x"
    assert event["requestContext"]["http"]["method"] == "POST"


def test_a_decision_is_kept_for_its_identity_on_all_routes(world: World) -> None:
    """Denials too. The route is not part of what it is kept for, and another token is another identity."""
    world.decide = lambda event: {"isAuthorized": event["headers"]["authorization"] != "Bearer bad"}
    api = world.api()
    for _ in range(2):
        assert call(api, "/opaque", "Bearer bad") == FORBIDDEN
        for method in ("GET", "POST"):
            assert told(call(api, "/opaque", "Bearer good", method)) == {"lambda": {}}
    assert [event["identitySource"] for event in world.asked] == [["Bearer bad"], ["Bearer good"]]


def test_a_decision_ends(world: World) -> None:
    api = world.api(ttl=60)
    call(api, "/opaque", "Bearer x")
    world.decide = lambda _: {"isAuthorized": False}
    world.now += 59.9
    assert told(call(api, "/opaque", "Bearer x")) == {"lambda": {}}
    world.now += 0.1
    assert call(api, "/opaque", "Bearer x") == FORBIDDEN


def test_without_a_ttl_nothing_is_kept(world: World) -> None:
    api = world.api(ttl=0)
    for count in (1, 2):
        call(api, "/opaque", "Bearer x")
        assert len(world.asked) == count


# --- JWT authorizers


def refused(description: str = "", scope: str = "") -> Reply:
    """The refusal of a token."""
    challenge = f'Bearer scope="{scope}" error="invalid_token"'
    challenge += f' error_description="{description}"' if description else ""
    return replace(UNAUTHORIZED, headers=(*UNAUTHORIZED.headers, ("www-authenticate", challenge)))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
def test_a_good_token(world: World, scheme: str) -> None:
    """The claims are text. Without scopes of the route there are none for the function."""
    token = world.token(scope="read write", roles=["a", "b"], admin=True)
    assert told(call(world.api(), "/signed", scheme + token)) == {
        "jwt": {
            "claims": {
                "iss": world.issuer,
                "aud": AUDIENCE,
                "exp": "1000060.0",
                "iat": "1000000.0",
                "sub": "7",
                "scope": "read write",
                "roles": "[a b]",
                "admin": "true",
            },
            "scopes": None,
        }
    }


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer"])
def test_no_token(world: World, authorization: str | None) -> None:
    expected = replace(UNAUTHORIZED, headers=(*UNAUTHORIZED.headers, ("www-authenticate", "Bearer")))
    assert call(world.api(), "/signed", authorization) == expected


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"iss": "https://id.example"}, ""),
        ({"iss": None}, ""),
        ({"aud": "https://other.example"}, "the token does not have a valid audience"),
        ({"aud": ["https://other.example", {}]}, "the token does not have a valid audience"),
        ({"aud": None}, "the token does not have a valid audience"),
        # `client_id` counts only where there is no `aud`.
        ({"aud": "https://other.example", "client_id": AUDIENCE}, "the token does not have a valid audience"),
        ({"exp": 1_000_000.0}, ""),
        ({"exp": None}, ""),
        ({"exp": "1000060"}, ""),
        ({"nbf": 1_000_001}, ""),
        ({"iat": 1_000_001}, ""),
        ({"kid": None}, ""),
        ({"kid": "curve"}, ""),
        ({"kid": "unknown"}, ""),
        ({"key": "two"}, ""),
        ({"algorithm": "ES256", "kid": "curve", "key": "curve"}, ""),
        ({"algorithm": "HS256", "key": "a-secret-of-more-than-thirty-two-bytes"}, ""),
    ],
)
def test_a_wrong_token(world: World, changes: dict[str, Any], description: str) -> None:
    """Only RSA keys that the issuer publishes, by their `kid`; `iss`, `aud`, `exp`, `nbf` and `iat` as documented."""
    if changes.get("key") == "two":
        changes = {**changes, "key": rsa_key("two")}
    elif changes.get("key") == "curve":
        changes = {**changes, "key": EC_KEY}
    assert call(world.api(), "/signed", f"Bearer {world.token(**changes)}") == refused(description)


@pytest.mark.parametrize("token", ["x", "a.b.c", "Basic eDp5", "é.é.é"])
def test_what_is_no_token(world: World, token: str) -> None:
    assert call(world.api(), "/signed", f"Bearer {token}") == refused()


def test_an_unsigned_token(world: World) -> None:
    token = jwt.encode({"iss": world.issuer, "aud": AUDIENCE, "exp": world.now + 60}, "", "none", {"kid": "one"})
    assert call(world.api(), "/signed", f"Bearer {token}") == refused()


def test_the_client_is_the_audience_where_there_is_none(world: World) -> None:
    token = world.token(aud=None, client_id="another")
    assert told(call(world.api(), "/signed", f"Bearer {token}"))["jwt"]["claims"]["client_id"] == "another"


@pytest.mark.parametrize("scopes", [{"scope": "x read"}, {"scp": ["all"]}, {"scp": "all"}])
def test_one_scope_of_the_route_is_enough(world: World, scopes: dict[str, Any]) -> None:
    found = told(call(world.api(), "/scoped", f"Bearer {world.token(**scopes)}"))
    assert found["jwt"]["scopes"] == (scopes.get("scope", "all")).split()


@pytest.mark.parametrize("scopes", [{}, {"scope": "readable"}, {"scope": "", "scp": "read"}])
def test_no_scope_of_the_route(world: World, scopes: dict[str, Any]) -> None:
    assert call(world.api(), "/scoped", f"Bearer {world.token(**scopes)}") == FORBIDDEN


def test_an_invalid_token_at_a_route_with_scopes(world: World) -> None:
    assert call(world.api(), "/scoped", "Bearer x") == refused(scope="read all")


def test_the_issuer_does_not_answer(world: World) -> None:
    """The token is refused, and the next request asks again."""
    api = world.api()
    good, world.issuer = world.issuer, "http://127.0.0.1:9"
    token = world.token()
    unreachable = world.api()
    assert call(unreachable, "/signed", f"Bearer {token}") == refused()
    world.issuer = good
    assert told(call(api, "/signed", f"Bearer {world.token()}"))


def test_keys_are_kept_for_two_hours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the issuer has taken away is accepted for that long."""
    assert KEYS_TTL == 7200
    api, token = world.api(), world.token()
    assert told(call(api, "/signed", f"Bearer {token}"))
    world.published = []
    assert told(call(api, "/signed", f"Bearer {token}"))
    assert world.fetched == ["/.well-known/openid-configuration", "/keys"]
    assert call(world.api(), "/signed", f"Bearer {token}") == refused()
