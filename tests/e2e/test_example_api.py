"""examples/api, served by the local gateway from its own template: the tokens it accepts, and how it refuses others."""

import hmac
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from lingpai.clients.service import new_client
from lingpai.kernel.base64url import encode
from lingpai.kernel.clock import Clock
from local import gateway, template
from local.authorizers import make_authorize
from local.gateway import Gateway, Reply, Request
from local.serve_template import load_api
from tests.e2e.server import PATIENCE, Server, environment
from tests.e2e.shell import bash, check, steps_of
from tests.support.dpop import ProofKey
from tests.support.issuer import NOTES_API, NOTES_APP, REPORT_APP, RESOURCE, Issuer, open_issuer
from tests.support.stores import ROOT

EXAMPLE = ROOT / "examples" / "api"
METADATA = f"{RESOURCE}/.well-known/oauth-protected-resource"
JSON = ("Content-Type", "application/json")
# What the gateway says by itself.
OWN = ("content-type", "application/json")
READY = re.compile(r"examples/api/template\.yaml is ready at (http://127\.0\.0\.1:[0-9]+)")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Lingpai, where the example asks it."""
    with open_issuer() as opened:
        yield opened


@dataclass
class Example:
    """The example's API, with a clock of its own for what the gateway keeps."""

    api: Gateway
    now: float

    def call(self, target: str, authorization: str | None = None, method: str = "GET") -> Reply:
        """The answer, without what differs from request to request."""
        headers = (("Authorization", authorization),) if authorization is not None else ()
        reply = gateway.answer(self.api, Request(method, target, headers))
        return replace(reply, headers=tuple(pair for pair in reply.headers if pair[0] != "apigw-requestid"))


def open_example(monkeypatch: pytest.MonkeyPatch, issuer: str) -> Example:
    """The example for this issuer, with nothing kept yet."""
    parameters = {"Issuer": issuer, "Resource": RESOURCE, "ClientId": NOTES_API[0], "ClientSecret": NOTES_API[1]}
    variables = {"ISSUER": issuer, "RESOURCE": RESOURCE, "CLIENT_ID": NOTES_API[0], "CLIENT_SECRET": NOTES_API[1]}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = EXAMPLE / "template.yaml"
    opened = Example(load_api(path, parameters, os.environ, 3001), time.time())
    authorize = make_authorize(template.load(path, parameters).authorizers, opened.api.invoke, lambda: opened.now)
    opened.api = replace(opened.api, authorize=authorize)
    return opened


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> Iterator[Example]:
    """The example, which has seen no token yet."""
    yield open_example(monkeypatch, issuer.url)
    sys.modules["_lingpai_function_AuthorizerFunction"].VERIFIER.close()


def answered(status: int, content: Any, *headers: tuple[str, str]) -> Reply:
    """An answer of the API's function."""
    return Reply(status, (JSON, ("Cache-Control", "no-store"), *headers), json.dumps(content).encode())


def challenged(status: int, error: str, challenge: str) -> Reply:
    """A refusal of the API's function."""
    return answered(status, {"error": error}, ("WWW-Authenticate", challenge))


def invalid(description: str) -> Reply:
    """The refusal of a token at a route of the Lambda authorizer."""
    challenge = f'Bearer error="invalid_token", error_description="{description}", resource_metadata="{METADATA}"'
    return challenged(401, "invalid_token", challenge)


def unauthorized(description: str = "") -> Reply:
    """The refusal of a token at the route of the JWT authorizer."""
    challenge = 'Bearer scope="read" error="invalid_token"'
    challenge += f' error_description="{description}"' if description else ""
    return Reply(401, (OWN, ("www-authenticate", challenge)), b'{"message":"Unauthorized"}')


INSUFFICIENT = challenged(
    403, "insufficient_scope", f'Bearer error="insufficient_scope", scope="write", resource_metadata="{METADATA}"'
)
FORBIDDEN = Reply(403, (OWN,), b'{"message":"Forbidden"}')
INACTIVE = "The access token is invalid or has expired"
AUDIENCE = "the token does not have a valid audience"
BOUND = "The access token is bound to a key: it needs the scheme DPoP and a proof"
NO_AUDIENCE = "The access token is not for this API"


# --- accepted


def test_the_metadata_name_the_issuer(example: Example, issuer: Issuer) -> None:
    """RFC 9728 section 2, for everyone."""
    expected = {
        "resource": RESOURCE,
        "authorization_servers": [issuer.url],
        "scopes_supported": ["read", "write"],
        "bearer_methods_supported": ["header"],
    }
    assert example.call("/.well-known/oauth-protected-resource") == answered(200, expected)


@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_tokens_for_the_api(example: Example, issuer: Issuer, client: tuple[str, str]) -> None:
    """Both kinds, at the routes of the Lambda authorizer."""
    token, user = issuer.tokens(client)["access_token"], str(issuer.api.user_id("alice"))
    assert example.call("/notes", f"Bearer {token}") == answered(200, {"notes": [f"A note of {user}"]})
    assert example.call("/notes", f"bearer {token}", "POST") == answered(201, {"owner": user})


def test_a_signed_token_at_the_jwt_authorizer(example: Example, issuer: Issuer) -> None:
    token = issuer.tokens(REPORT_APP)["access_token"]
    assert example.call("/report", f"Bearer {token}") == answered(200, {"report": "A report for report-app"})


@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_a_client_s_own_token(example: Example, issuer: Issuer, client: tuple[str, str]) -> None:
    form = {"grant_type": "client_credentials", "resource": RESOURCE, "scope": "read"}
    token = issuer.request(client, form)["access_token"]
    assert example.call("/notes", f"Bearer {token}") == answered(200, {"notes": [f"A note of {client[0]}"]})


def test_a_token_of_the_key_before(example: Example, issuer: Issuer) -> None:
    """A rotation ends no token."""
    token = issuer.sign("previous")
    assert example.call("/notes", f"Bearer {token}").status == 200
    assert example.call("/report", f"Bearer {token}").status == 200


def test_a_token_by_es256(example: Example, issuer: Issuer) -> None:
    """API Gateway verifies RSA alone; the Lambda authorizer verifies both."""
    token = issuer.sign("curve")
    assert example.call("/notes", f"Bearer {token}").status == 200
    assert example.call("/report", f"Bearer {token}") == unauthorized()


# --- refused


@pytest.mark.security("RFC9449-7.2")
@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_a_token_that_is_bound_to_a_key(example: Example, issuer: Issuer, client: tuple[str, str]) -> None:
    """As a bearer token it is refused behind both authorizers, even with a proof that nobody checks."""
    form = {"grant_type": "client_credentials", "resource": RESOURCE, "scope": "read"}
    headers = ProofKey(Clock().now).headers(htu=f"{issuer.url}/oauth/token")
    answer = issuer.api.post("/oauth/token", form=form, basic=client, headers=headers)
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    bearer = f"Bearer {answer.json['access_token']}"
    assert example.call("/notes", bearer) == invalid(BOUND)
    if client == REPORT_APP:
        challenge = f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
        assert example.call("/report", bearer) == challenged(401, "invalid_token", challenge)


def test_no_token(example: Example) -> None:
    """The gateway answers by itself, since the authorizers need the header. Only a JWT authorizer sends a challenge."""
    message = b'{"message":"Unauthorized"}'
    assert example.call("/notes") == Reply(401, (OWN,), message)
    assert example.call("/report") == Reply(401, (OWN, ("www-authenticate", "Bearer")), message)


def test_another_scheme(example: Example) -> None:
    """RFC 6750 section 3.1: without a bearer token no error is named."""
    challenge = f'Bearer realm="api", resource_metadata="{METADATA}"'
    assert example.call("/notes", "Basic eDp5") == challenged(401, "unauthorized", challenge)
    assert example.call("/report", "Basic eDp5") == unauthorized()


@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_a_missing_scope(example: Example, issuer: Issuer, client: tuple[str, str]) -> None:
    token = issuer.tokens(client, scope="read")["access_token"]
    assert example.call("/notes", f"Bearer {token}").status == 200
    assert example.call("/notes", f"Bearer {token}", "POST") == INSUFFICIENT


def test_a_missing_scope_at_the_jwt_authorizer(example: Example, issuer: Issuer) -> None:
    token = issuer.tokens(REPORT_APP, scope="write")["access_token"]
    assert example.call("/report", f"Bearer {token}") == FORBIDDEN


@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_a_token_that_was_asked_for_without_resource(example: Example, issuer: Issuer, client: tuple[str, str]) -> None:
    """It is for Lingpai itself."""
    token = issuer.tokens(client, resource="")["access_token"]
    assert example.call("/notes", f"Bearer {token}") == invalid(NO_AUDIENCE)
    assert example.call("/report", f"Bearer {token}") == unauthorized(AUDIENCE if client == REPORT_APP else "")


def unsigned(issuer: Issuer) -> str:
    """`alg` none (RFC 8725 section 3.2)."""
    claims = jwt.decode(issuer.sign(), options={"verify_signature": False})
    return jwt.encode(claims, "", "none", {"typ": "at+jwt", "kid": issuer.keys["current"].kid})


def by_public_key(issuer: Issuer) -> str:
    """The public key taken for the secret of an HMAC (RFC 8725 section 2.1)."""
    head = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.keys["current"].kid}
    text = f"{encode(json.dumps(head).encode())}.{issuer.sign().split('.')[1]}"
    return f"{text}.{encode(hmac.digest(issuer.keys['current'].public, text.encode(), 'sha256'))}"


def with_another_subject(issuer: Issuer) -> str:
    """The claims of one token under the signature of another."""
    header, _, signature = issuer.sign().split(".")
    _, claims, _ = issuer.sign(sub="8").split(".")
    return f"{header}.{claims}.{signature}"


def id_token(issuer: Issuer) -> str:
    """What a client gets about its user: it is for the client alone."""
    store: Any = issuer.api.services.store
    fields: Any = {"grants": ("password",), "scopes": ("openid", "read"), "resources": (RESOURCE,)}
    store.put_client(new_client("id-client", "standard", "id-client-secret", **fields))
    found: str = issuer.tokens(("id-client", "id-client-secret"))["id_token"]
    return found


INVALID = "The access token is invalid"
UNACCEPTED = "The access token is not signed as this API demands"
BAD_TOKENS: dict[str, tuple[Callable[[Issuer], str], str, str]] = {
    "expired": (lambda issuer: issuer.sign(exp=int(time.time()) - 60), "The access token has expired", ""),
    "of another audience": (lambda issuer: issuer.sign(aud="https://other.example"), NO_AUDIENCE, AUDIENCE),
    "of a foreign issuer": (lambda issuer: issuer.sign(iss="https://id.example"), INVALID, ""),
    "by a retired key": (lambda issuer: issuer.sign("retired"), "The access token is signed by an unknown key", ""),
    "by alg none": (unsigned, UNACCEPTED, ""),
    "by HMAC": (by_public_key, UNACCEPTED, ""),
    "with another's signature": (with_another_subject, INVALID, ""),
    "an ID token": (id_token, "The token is not an access token", AUDIENCE),
    "a refresh token": (lambda issuer: issuer.tokens(NOTES_APP)["refresh_token"], INACTIVE, ""),
    "a token of nobody": (lambda _: f"{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}", INACTIVE, ""),
    "no token": (lambda _: "x", INACTIVE, ""),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens(example: Example, issuer: Issuer, name: str) -> None:
    """Both authorizers refuse it, by the whole answers that a caller sees."""
    make, by_function, by_gateway = BAD_TOKENS[name]
    token = make(issuer)
    assert example.call("/notes", f"Bearer {token}") == invalid(by_function)
    assert example.call("/report", f"Bearer {token}") == unauthorized(by_gateway)


def test_a_foreign_issuer_s_own_key(example: Example, issuer: Issuer) -> None:
    """Whatever it says, and although it names a key of ours."""
    with open_issuer() as foreign:
        own = foreign.sign(iss=issuer.url)
        header = {"typ": "at+jwt", "kid": issuer.keys["current"].kid}
        stolen = foreign.sign(iss=issuer.url).split(".")[1:]
        named = ".".join([encode(json.dumps({"alg": "RS256", **header}).encode()), *stolen])
    unknown = invalid("The access token is signed by an unknown key")
    for token, refusal in ((own, unknown), (named, invalid(INVALID))):
        assert example.call("/notes", f"Bearer {token}") == refusal
        assert example.call("/report", f"Bearer {token}") == unauthorized()


def test_no_route_is_open(example: Example) -> None:
    """The authorizer lets wrong tokens through: each route of the template but the metadata's refuses them."""
    notes = sys.modules["_lingpai_function_NotesFunction"]
    assert {route.key for route in example.api.routes} == {*notes.ROUTES, f"GET {notes.METADATA_PATH}"}
    for key in notes.ROUTES:
        context = {"status": 401, "error": "invalid_token", "www_authenticate": "Bearer"}
        response = notes.lambda_handler({"routeKey": key, "requestContext": {"authorizer": {"lambda": context}}}, None)
        assert response["statusCode"] == 401, key


# --- what is kept


def test_a_revoked_token_ends_with_the_kept_decision(example: Example, issuer: Issuer) -> None:
    """An opaque token is accepted until API Gateway asks again."""
    token = issuer.tokens(NOTES_APP)["access_token"]
    assert example.call("/notes", f"Bearer {token}").status == 200
    assert issuer.api.post("/oauth/revoke", form={"token": token}, basic=NOTES_APP).status == 200
    example.now += 59
    assert example.call("/notes", f"Bearer {token}").status == 200
    example.now += 1
    assert example.call("/notes", f"Bearer {token}") == invalid(INACTIVE)


def test_a_token_that_expires_while_its_decision_is_kept(
    example: Example, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API looks at the expiry again."""
    tokens = issuer.tokens(NOTES_APP)
    assert example.call("/notes", f"Bearer {tokens['access_token']}").status == 200
    later = SimpleNamespace(time=lambda: time.time() + tokens["expires_in"])
    monkeypatch.setattr(sys.modules["_lingpai_function_NotesFunction"], "time", later)
    refusal = challenged(401, "invalid_token", f'Bearer error="invalid_token", resource_metadata="{METADATA}"')
    assert example.call("/notes", f"Bearer {tokens['access_token']}") == refusal


def test_lingpai_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> None:
    """Nothing is accepted, and nothing is kept: the next request is answered as soon as Lingpai is."""
    tokens = issuer.tokens(NOTES_APP), issuer.tokens(REPORT_APP)
    example = open_example(monkeypatch, "http://127.0.0.1:9")
    broken = Reply(500, (OWN,), b'{"message":"Internal Server Error"}')
    for each in tokens:
        assert example.call("/notes", f"Bearer {each['access_token']}") == broken
        assert example.call("/report", f"Bearer {each['access_token']}") == unauthorized()


# --- as a process


@dataclass
class Tour:
    """Lingpai and the example as processes of their own, and where they are."""

    server: Server
    url: str


@pytest.fixture
def tour(server: Server, tmp_path: Path) -> Iterator[Tour]:
    """What `make run-example` starts, on a free port beside the server of these tests."""
    output = tmp_path / "example.log"
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nrun-example:")[2].partition("\n\n")[0]
    command = recipe.partition("exec ")[2].replace("\\\n", " ").replace("http://127.0.0.1:3000", server.url).split()
    assert command[:3] == [".venv/bin/python", "-m", "local.serve_template"]
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (the recipe of this project's Makefile)
            [sys.executable, *command[1:]],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := READY.search(output.read_text("utf-8"))):
            assert process.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Tour(server, found[1])
        process.terminate()
        assert process.wait(timeout=15) == 0
        printed = output.read_text("utf-8")
        assert "GET /report  (SignedTokens)\n" in printed
        assert "Traceback" not in printed
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)


def test_the_readme_s_tour(tour: Tour) -> None:
    """Each block of the example's README answers what stands below it."""
    steps = steps_of((EXAMPLE / "README.md").read_text("utf-8"))
    assert len(steps) == 2
    with bash() as shell:
        for step in steps:
            lines = [line.replace("LINGPAI=http://127.0.0.1:3000", f"LINGPAI={tour.server.url}") for line in step.lines]
            typed = [line.replace("API=http://127.0.0.1:3001", f"API={tour.url}") for line in lines]
            answer = "".join(shell.type(line) for line in typed)
            check(step, answer.replace(f'"{tour.server.url}"', '"http://127.0.0.1:3000"'))
        tokens = [shell.type(f"echo ${name}").strip() for name in ("OPAQUE", "SIGNED", "WRONG")]
        assert [len(token) > 60 for token in tokens] == [True, True, True]
        tour.server.hush(*tokens)
