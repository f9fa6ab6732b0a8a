"""Introspection, revocation, metadata, keys; health; what is not there; pages of other origins."""

from typing import Any

import jwt as pyjwt
import pytest

from tests.blackbox.conftest import ORIGIN
from tests.blackbox.service import Person, Service
from tests.support.api import NO_STORE, Answer
from tests.support.dialects import reply
from tests.support.expect import asks_for_token, refuses_token, succeeds
from tests.support.metadata import metadata_of
from tests.support.tokens import BAD_CLIENT, error, missing, spring_tokens

HOUR, DAY = 3600, 86400
INACTIVE = reply(200, {"active": False})
ALLOW_POST = {"allow": "POST, OPTIONS"}
GET_ROUTES = (
    "/health",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
)


def introspect(service: Service, token: str) -> Answer:
    return service.post("/oauth/introspect", form={"token": token}, basic=service.client("standard-client"))


def revoke(service: Service, token: str, client: str = "web-client") -> Answer:
    return service.post("/oauth/revoke", form={"token": token}, basic=service.client(client))


def metadata(service: Service) -> Any:
    answer = service.get("/.well-known/oauth-authorization-server")
    headers = {name: value for name, value in answer.headers.items() if name != "vary"}
    assert (answer.status, headers) == (200, NO_STORE)
    return answer.json


def test_health(service: Service) -> None:
    assert service.get("/health") == Answer(200, NO_STORE, '{"status":"ok"}')
    assert service.post("/health").status == 405


def test_metadata(service: Service) -> None:
    found = metadata(service)
    assert found == metadata_of(found["issuer"])


def test_openid_configuration(service: Service) -> None:
    assert service.get("/.well-known/openid-configuration").json == metadata(service)


def test_a_pushed_request(service: Service) -> None:
    form = {
        "response_type": "code",
        "redirect_uri": "http://127.0.0.1:8000/callback",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    answer = service.post("/oauth/par", form=form, basic=service.client("web-app"))
    assert (answer.status, answer.json["expires_in"]) == (201, 600)
    assert answer.json["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert service.post("/oauth/par", form=form) == BAD_CLIENT


def test_the_description_of_the_api(service: Service) -> None:
    answer = service.get("/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["servers"] == [{"url": metadata(service)["issuer"]}]
    assert "/oauth/token" in answer.json["paths"]
    again = service.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, "")


def test_the_page_that_shows_the_api(service: Service) -> None:
    for path, kind in (("/docs", "text/html"), ("/docs/assets/start.js", "text/javascript")):
        answer = service.get(path)
        assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert service.get("/docs/assets/swagger-ui-bundle.js").status == 200
    assert service.get("/docs/assets/nothing.js") == Answer(404, NO_STORE, '{"message":"Not Found"}')


def test_userinfo_needs_openid(service: Service, person: Person) -> None:
    answer = service.get("/oauth/userinfo")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="lingpai"')
    form = {**service.by_body("standard-client"), **person.by_password}
    token = service.post("/oauth/token", form=form).json["access_token"]
    answer = service.get("/oauth/userinfo", bearer=token)
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")


def test_the_issuer_is_the_address_that_was_called(service: Service) -> None:
    """RFC 8414 section 3.3."""
    service.needs("own address")
    assert metadata(service)["issuer"] == service.target.url


def test_introspection_of_an_access_token(service: Service, person: Person) -> None:
    form = {**service.by_body("standard-client"), **person.by_password}
    tokens = service.post("/oauth/token", form=form).json
    answer = introspect(service, tokens["access_token"])
    since, auth_time = answer.json["iat"], answer.json["auth_time"]
    assert since - 20 <= auth_time <= since
    told = {
        "active": True,
        "client_id": "standard-client",
        "sub": str(person.id),
        "sub_type": "user",
        "iat": since,
        "iss": metadata(service)["issuer"],
        "auth_time": auth_time,
        "acr": "1",
        "amr": ["pwd"],
        "scope": "read write",
    }
    assert answer == reply(200, {**told, "token_type": "Bearer", "exp": since + HOUR})
    assert introspect(service, tokens["refresh_token"]) == reply(200, {**told, "exp": since + 30 * DAY})


def test_introspection_of_another_clients_tokens(service: Service, person: Person) -> None:
    """The access token for a resource server, the refresh token for nobody."""
    tokens = person.log_in()
    assert introspect(service, tokens["access_token"]).json["client_id"] == "web-client"
    assert introspect(service, tokens["refresh_token"]) == INACTIVE
    own = service.post("/oauth/token", form={**service.by_body("standard-client"), **person.by_password}).json
    form = {"token": own["access_token"]}
    assert service.post("/oauth/introspect", form=form, basic=service.client("web-client")) == INACTIVE


def test_introspection_of_anything_else(service: Service) -> None:
    assert introspect(service, "A" * 22 + "." + "A" * 43) == INACTIVE
    assert introspect(service, "令牌") == INACTIVE
    assert service.post("/oauth/introspect", form={"token": "x"}) == BAD_CLIENT
    answer = service.post("/oauth/introspect", form={"a": "b"}, basic=service.client("standard-client"))
    assert answer == missing("token")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revocation(service: Service, person: Person, which: str) -> None:
    """Either token ends the session; an unknown one is a success, too."""
    tokens = person.log_in()
    another = error(400, "invalid_grant", "The token was issued to another client")
    assert revoke(service, tokens[which], "app-client") == another
    assert introspect(service, tokens["access_token"]).json["active"] is True
    for _ in range(2):
        assert revoke(service, tokens[which]) == reply(200, {})
    assert introspect(service, tokens["access_token"]) == INACTIVE
    assert introspect(service, tokens["refresh_token"]) == INACTIVE
    refuses_token(service.get("/users/current", bearer=tokens["access_token"]))


def test_keys_verify_what_was_signed(service: Service, person: Person) -> None:
    """The key set is one by RFC 7517, may be kept for an hour, and PyJWT verifies a token by it."""
    answer = service.get("/.well-known/jwks.json")
    headers = {"cache-control": "public, max-age=3600", "content-type": "application/json;charset=UTF-8"}
    assert (answer.status, {**answer.headers, **headers}) == (200, answer.headers)
    assert set(answer.headers) - set(headers) <= {"vary"}
    if "signed tokens" in service.target.lacks:
        assert answer.json == {"keys": []}
    service.needs("signed tokens")
    assert all("d" not in key for key in answer.json["keys"])
    form = {**service.by_body("2"), **person.by_password}
    token = service.post("/oauth/token", form=form).json["access_token"]
    signed_by = pyjwt.get_unverified_header(token)["kid"]
    key = next(key for key in pyjwt.PyJWKSet.from_dict(answer.json).keys if key.key_id == signed_by)
    issuer = metadata(service)["issuer"]
    claims = pyjwt.decode(token, key, algorithms=["RS256"], audience="2", issuer=issuer)
    assert claims["sub"] == str(person.id)
    assert introspect(service, token).json["sub"] == str(person.id)
    # Its session ends, and so does the token, whatever the signature says.
    assert revoke(service, token, "2") == reply(200, {})
    assert introspect(service, token) == INACTIVE
    refuses_token(service.get("/users/current", bearer=token))


def test_a_bearer_token(service: Service, person: Person) -> None:
    asks_for_token(service.get("/users/current"))
    refuses_token(service.get("/users/current", bearer="nonsense"))
    token = person.token
    answer = service.get("/users/current", headers={"Authorization": f"bearer {token}"})
    succeeds(answer, answer.json["message"])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/oauth", "/OAuth/Token", "/oauth/token/more", "/_local"])
def test_what_is_not_there(service: Service, path: str) -> None:
    service.needs("default route")
    assert service.post(path, form={"a": "b"}) == Answer(404, NO_STORE, '{"message":"Not Found"}')


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", GET_ROUTES)
def test_head_is_get_without_its_body(service: Service, path: str) -> None:
    got, head = service.raw("GET", path), service.raw("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("cache-control", "content-type", "content-length"):
        assert head.headers[name] == got.headers[name], name


@pytest.mark.security("F33")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("POST", "/oauth/token"), ("PUT", "/users/save"), ("POST", "/users/find")]
)
def test_every_answer_carries_the_security_headers(service: Service, method: str, path: str) -> None:
    """Strict-Transport-Security over TLS alone."""
    headers = service.raw(method, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert ("strict-transport-security" in headers) == service.target.url.startswith("https://")


# --- pages of other origins


def preflight(service: Service, origin: str) -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return service.call("OPTIONS", "/oauth/token", headers=headers)


def page(service: Service) -> str:
    service.needs("cors")
    if service.target.origin is None:
        pytest.skip("BLACKBOX_ORIGIN names no origin that this target allows")
    return service.target.origin


def test_a_page_of_an_allowed_origin(service: Service) -> None:
    """A preflight is granted, and the answer may be read."""
    origin = page(service)
    allowed = {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "www-authenticate,retry-after,dpop-nonce",
    }
    answer = preflight(service, origin)
    assert answer.status == 204
    assert (
        answer.headers.items()
        >= {
            **allowed,
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "authorization,content-type,dpop,x-requested-with",
            "access-control-max-age": "86400",
        }.items()
    )
    form = {"grant_type": "client_credentials"}
    answer = service.post("/oauth/token", form=form, basic=service.client("web-client"), headers={"Origin": origin})
    headers = {name: value for name, value in answer.headers.items() if name != "vary"}
    assert (answer.status, headers) == (200, {**NO_STORE, **allowed})


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", GET_ROUTES[1:])
def test_what_pages_may_keep_varies_with_their_origin(service: Service, path: str) -> None:
    origin = page(service)
    answer = service.get(path, headers={"Origin": origin})
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (origin, "Origin")


@pytest.mark.parametrize("origin", ["https://evil.example.com", ORIGIN + ".evil.example", "null"])
def test_a_page_of_another_origin(service: Service, origin: str) -> None:
    service.needs("cors")
    assert not any(name.startswith("access-control-") for name in preflight(service, origin).headers)
    form = {"grant_type": "client_credentials"}
    basic = service.client("web-client")
    spring_tokens(service.post("/oauth/token", form=form, basic=basic, headers={"Origin": origin}), refresh=False)
