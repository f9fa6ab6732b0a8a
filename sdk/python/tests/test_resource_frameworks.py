"""The pieces for FastAPI, Flask, Django and DRF, each in a small app: what is let in, and what is answered."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import django
import fastapi
import flask
import httpx
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import path

from lingpai_sdk.resource import AccessToken, AsyncVerifier, Verifier
from lingpai_sdk.resource import django as for_django
from lingpai_sdk.resource import fastapi as for_fastapi
from lingpai_sdk.resource import flask as for_flask
from resource_dpop import KEY, bound
from resource_support import API, BASIC, ISSUER, OPAQUE, Issuer, active, claims, signed

METADATA = "https://orders.example.com/.well-known/oauth-protected-resource"
Ask = Callable[..., httpx.Response]

settings.configure(
    ALLOWED_HOSTS=["api.example"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "django.middleware.csrf.CsrfViewMiddleware",
        "lingpai_sdk.resource.django.AccessTokenMiddleware",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["lingpai_sdk.resource.drf.AccessTokenAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret of anybody",
)
django.setup()

from rest_framework.decorators import api_view, permission_classes  # noqa: E402  they read the settings
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402

from lingpai_sdk.resource import drf as for_drf  # noqa: E402

# --- the apps: /open to all, /orders with a scope, /admin with a role, /late checks by itself ------------


def shown(token: AccessToken) -> dict[str, Any]:
    return {"subject": token.subject, "scopes": list(token.scopes)}


def fastapi_app(issuer: Issuer) -> Any:
    verifier = AsyncVerifier(
        ISSUER, API, introspect=BASIC, http=httpx.AsyncClient(transport=httpx.MockTransport(issuer))
    )
    app = fastapi.FastAPI()
    for_fastapi.install(app, resource_metadata=METADATA)
    reader = for_fastapi.require(verifier, scopes=["read"])
    admin = for_fastapi.require(verifier, roles=["admin"])
    anybody = for_fastapi.require(verifier)
    twofold = for_fastapi.require(verifier, acr="2", max_age=600)

    @app.get("/open")
    async def open_to_all() -> dict[str, str]:
        return {"is": "open"}

    @app.post("/orders")
    async def orders(token: Annotated[AccessToken, fastapi.Depends(reader)]) -> dict[str, Any]:
        return shown(token)

    @app.get("/admin")
    async def admins(token: Annotated[AccessToken, fastapi.Depends(admin)]) -> dict[str, Any]:
        return shown(token)

    @app.get("/late")
    async def late(token: Annotated[AccessToken, fastapi.Depends(anybody)]) -> None:
        token.require(scopes=["never"])

    @app.get("/payments")
    async def payments(token: Annotated[AccessToken, fastapi.Depends(twofold)]) -> dict[str, Any]:
        return shown(token)

    return app


def flask_app(issuer: Issuer) -> Any:
    verifier = Verifier(ISSUER, API, introspect=BASIC, http=httpx.Client(transport=httpx.MockTransport(issuer)))
    app = flask.Flask("orders")
    for_flask.install(app, resource_metadata=METADATA)

    @app.get("/open")
    def open_to_all() -> dict[str, str]:
        return {"is": "open"}

    @app.post("/orders")
    @for_flask.require(verifier, scopes=["read"])
    def orders() -> dict[str, Any]:
        return shown(flask.g.access_token)

    @app.get("/admin")
    @for_flask.require(verifier, roles=["admin"])
    def admins() -> dict[str, Any]:
        return shown(flask.g.access_token)

    @app.get("/payments")
    @for_flask.require(verifier, acr="2", max_age=600)
    def payments() -> dict[str, Any]:
        return shown(flask.g.access_token)

    @app.get("/late")
    @for_flask.require(verifier)
    def late() -> dict[str, Any]:
        flask.g.access_token.require(scopes=["never"])
        return shown(flask.g.access_token)

    return app


def open_to_all(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"is": "open"})


@for_django.require(scopes=["read"])
def orders(request: Any) -> JsonResponse:
    return JsonResponse(shown(request.access_token))


@for_django.require(scopes=["read"])
async def orders_async(request: Any) -> JsonResponse:
    return JsonResponse(shown(request.access_token))


@for_django.require(roles=["admin"])
def admins(request: Any) -> JsonResponse:
    return JsonResponse(shown(request.access_token))


@for_django.require(acr="2", max_age=600)
def payments(request: Any) -> JsonResponse:
    return JsonResponse(shown(request.access_token))


@for_django.require()
def late(request: Any) -> None:
    request.access_token.require(scopes=["never"])


def drf_orders(request: Request) -> Response:
    assert (request.user.pk, request.user.is_authenticated) == (request.auth.subject, True)
    return Response(shown(request.auth))


def drf_admins(request: Request) -> Response:
    return Response(shown(request.auth))


def drf_view(method: str, view: Any, **required: Any) -> Any:
    return api_view([method])(permission_classes([for_drf.requires(**required)])(view))


urlpatterns = [
    path("open", open_to_all),
    path("orders", orders),
    path("orders-async", orders_async),
    path("admin", admins),
    path("payments", payments),
    path("late", late),
]


class DrfUrls:
    urlpatterns = (
        path("open", open_to_all),
        path("orders", drf_view("POST", drf_orders, scopes=["read"])),
        path("admin", drf_view("GET", drf_admins, roles=["admin"])),
        path("payments", drf_view("GET", drf_admins, acr="2", max_age=600)),
    )


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(tokens={OPAQUE: active()})


def asking(app: Any, kind: str) -> Iterator[Ask]:
    """Sends requests to the app, which is WSGI or ASGI."""

    def ask(method: str, where: str, token: str | None = None, **headers: str) -> httpx.Response:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://api.example{where}"
        if kind == "wsgi":
            with httpx.Client(transport=httpx.WSGITransport(app)) as client:
                return client.request(method, url, headers=headers)

        async def run() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
                return await client.request(method, url, headers=headers)

        return loop.run_until_complete(run())

    loop = asyncio.new_event_loop()
    yield ask
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture(params=["fastapi", "flask", "django", "django-asgi", "drf"])
def ask(request: pytest.FixtureRequest, issuer: Issuer) -> Iterator[Ask]:
    """Sends requests to the app of each framework."""
    if request.param == "fastapi":
        yield from asking(fastapi_app(issuer), "asgi")
    elif request.param == "flask":
        yield from asking(flask_app(issuer), "wsgi")
    else:
        client = httpx.Client(transport=httpx.MockTransport(issuer))
        given = {"issuer": ISSUER, "audience": API, "introspect": BASIC, "http": client, "resource_metadata": METADATA}
        changed: dict[str, Any] = {"LINGPAI_RESOURCE": given}
        if request.param == "drf":
            changed |= {"MIDDLEWARE": [], "ROOT_URLCONF": DrfUrls}
        with override_settings(**changed):
            for_django.verifier.cache_clear()
            asgi = request.param == "django-asgi"
            yield from asking(ASGIHandler() if asgi else WSGIHandler(), "asgi" if asgi else "wsgi")
        for_django.verifier.cache_clear()


@pytest.mark.security("RFC9449-7", "RFC9449-7.2")
@pytest.mark.parametrize("kind", ["django", "django-asgi", "drf"])
def test_bound_to_a_key(kind: str, issuer: Issuer) -> None:
    """A token with a DPoP proof, for the public address of the API (FastAPI and Flask: test_resource_dpop.py)."""
    client = httpx.Client(transport=httpx.MockTransport(issuer))
    given = {"issuer": ISSUER, "audience": API, "introspect": BASIC, "http": client, "base_url": API}
    changed: dict[str, Any] = {"LINGPAI_RESOURCE": given}
    if kind == "drf":
        changed |= {"MIDDLEWARE": [], "ROOT_URLCONF": DrfUrls}
    token = bound()
    proof = KEY.proof(token)
    with override_settings(**changed):
        for_django.verifier.cache_clear()
        asgi = kind == "django-asgi"
        for ask in asking(ASGIHandler() if asgi else WSGIHandler(), "asgi" if asgi else "wsgi"):
            good = ask("POST", "/orders?x=1", Authorization=f"DPoP {token}", DPoP=proof)
            assert (good.status_code, good.json()["subject"]) == (200, "7")
            again = ask("POST", "/orders", Authorization=f"DPoP {token}", DPoP=proof)
            assert (again.status_code, again.json()["error"]) == (401, "invalid_dpop_proof")
            assert again.headers["www-authenticate"].startswith("DPoP ")
            elsewhere = KEY.proof(token, htu="http://api.example/orders")
            assert ask("POST", "/orders", Authorization=f"DPoP {token}", DPoP=elsewhere).status_code == 401
            assert ask("POST", "/orders", token).json()["error"] == "invalid_token"
            assert ask("POST", "/orders", Authorization=f"DPoP {token}").status_code == 401
    for_django.verifier.cache_clear()


def test_open(ask: Ask, issuer: Issuer) -> None:
    """A route without a need of a token is none of ours."""
    assert ask("GET", "/open").json() == {"is": "open"}
    assert ask("GET", "/open", Authorization="Basic YTpi").status_code == 200
    assert issuer.asked == []


@pytest.mark.parametrize("kind", ["signed", "opaque"])
def test_good(ask: Ask, kind: str) -> None:
    token = signed() if kind == "signed" else OPAQUE
    answer = ask("POST", "/orders", token)
    assert (answer.status_code, answer.json()) == (200, {"subject": "7", "scopes": ["read", "write"]})
    assert ask("POST", "/orders", Authorization=f"bearer {token}").status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}], ids=["none", "basic", "empty"]
)
def test_no_token(ask: Ask, headers: dict[str, str]) -> None:
    answer = ask("POST", "/orders", **headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (f'Bearer realm="api", scope="read", resource_metadata="{METADATA}"')
    assert answer.json() == {"error": "unauthorized", "error_description": "The request has no bearer token"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("not-a-token", "is invalid or has expired"),
        ({"aud": "https://other.example"}, "is not for this API"),
        ({"exp": 1}, "has expired"),
        ("a, Bearer b", "no well-formed bearer token"),
    ],
    ids=str,
)
def test_bad(ask: Ask, given: str | dict[str, Any], why: str) -> None:
    """A text, or a signed token with these claims: made here, so that it is fresh however long other tests took."""
    answer = ask("POST", "/orders", given if isinstance(given, str) else signed(claims(**given)))
    assert answer.status_code == 401
    said = answer.json()
    assert said["error"] == "invalid_token"
    assert why in said["error_description"]
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", error_description="{said["error_description"]}", resource_metadata="{METADATA}"'
    )


def test_insufficient(ask: Ask) -> None:
    answer = ask("POST", "/orders", signed(claims(scope="write")))
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="read"' in answer.headers["www-authenticate"]
    assert ask("GET", "/admin", signed(claims(roles=["user"]))).status_code == 403
    assert ask("GET", "/admin", signed(claims(roles=["admin"]))).status_code == 200


@pytest.mark.security("RFC9470-3")
def test_the_login_of_the_user(ask: Ask) -> None:
    """RFC 9470 section 3: 401, with what the client has to ask for."""
    now = int(time.time())
    assert ask("GET", "/payments", signed(claims(acr="2", auth_time=now))).status_code == 200
    for login in ({"acr": "1", "auth_time": now}, {"acr": "2", "auth_time": now - 700}, {}):
        answer = ask("GET", "/payments", signed(claims(**login)))
        assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
        assert 'acr_values="2", max_age="600"' in answer.headers["www-authenticate"]


def test_unavailable(ask: Ask, issuer: Issuer) -> None:
    issuer.goes_down()
    answer = ask("POST", "/orders", OPAQUE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "www-authenticate" not in answer.headers
    assert answer.json()["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("ask", ["fastapi", "flask", "django", "django-asgi"], indirect=True)
def test_checked_by_the_view(ask: Ask) -> None:
    """What a view requires of its token later is answered as well."""
    answer = ask("GET", "/late", signed())
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("ask", ["django", "django-asgi"], indirect=True)
def test_asynchronous_view(ask: Ask) -> None:
    assert ask("GET", "/orders-async", signed()).json()["subject"] == "7"
    assert ask("GET", "/orders-async").status_code == 401
    assert ask("GET", "/orders-async", signed(claims(scope="write"))).status_code == 403


def test_fastapi_describes_itself(issuer: Issuer) -> None:
    """Its OpenAPI names the bearer token for each route that needs one."""
    described = fastapi_app(issuer).openapi()
    assert described["components"]["securitySchemes"] == {"lingpai": {"type": "http", "scheme": "bearer"}}
    assert described["paths"]["/orders"]["post"]["security"] == [{"lingpai": []}]
    assert "security" not in described["paths"]["/open"]["get"]


def test_flask_asynchronous_view(issuer: Issuer) -> None:
    pytest.importorskip("asgiref")
    verifier = Verifier(ISSUER, API, http=httpx.Client(transport=httpx.MockTransport(issuer)))
    app = flask.Flask("orders")

    @app.get("/")
    @for_flask.require(verifier)
    async def orders() -> dict[str, Any]:
        return shown(flask.g.access_token)

    assert app.test_client().get("/", headers={"Authorization": f"Bearer {signed()}"}).get_json()["subject"] == "7"


def test_django_is_told_what_it_lacks() -> None:
    for_django.verifier.cache_clear()
    with override_settings(), pytest.raises(ImproperlyConfigured, match="LINGPAI_RESOURCE must be"):
        for_django.verifier()
    with pytest.raises(ImproperlyConfigured, match="MIDDLEWARE lacks"):
        orders(HttpRequest())


@pytest.mark.parametrize("require", [for_fastapi.require, for_flask.require], ids=["fastapi", "flask"])
def test_one_text_is_no_list(require: Callable[..., object]) -> None:
    """It is told where the route is written, not when it is called."""
    with pytest.raises(TypeError, match="must be a list"):
        require(None, scopes="read")
    with pytest.raises(TypeError, match="must be a list"):
        for_django.require(roles="admin")
    with pytest.raises(TypeError, match="must be a list"):
        for_drf.requires(roles="admin")
