"""Lingpai: what each call sends, and what it makes of the answer."""

import base64
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from lingpai_sdk import Introspection, Lingpai, Refused, Role, Tokens, User
from sdk_support import ACCESS, REFRESH, TOKENS, URL, USER, Server

BASIC = "Basic " + base64.b64encode(b"shop:shop-secret").decode()


def test_password(server: Server, lingpai: Lingpai) -> None:
    server.says({**TOKENS, "scope": "read write"})
    before = datetime.now(timezone.utc)
    tokens = lingpai.password("mei", "plum blossom &+%梅", scope=["read", "write"])
    after = datetime.now(timezone.utc)
    assert (server.last.method, str(server.last.url)) == ("POST", f"{URL}/oauth/token")
    assert server.last.headers["authorization"] == BASIC
    assert server.last.headers["accept"] == "application/json"
    assert server.last.headers["user-agent"].startswith("lingpai-sdk")
    assert "accept-language" not in server.last.headers
    assert server.form == {
        "grant_type": "password",
        "username": "mei",
        "password": "plum blossom &+%梅",
        "scope": "read write",
    }
    assert (tokens.access_token, tokens.refresh_token, tokens.expires_in) == (ACCESS, REFRESH, 3600)
    assert tokens.scope == ("read", "write")
    assert before <= tokens.expires_at - timedelta(seconds=3600) <= after
    assert not tokens.expired()
    assert not tokens.expired(leeway=3500)
    assert tokens.expired(leeway=3600)


def test_refresh(server: Server, lingpai: Lingpai) -> None:
    server.says(TOKENS)
    assert lingpai.refresh(REFRESH, scope="read").scope == ()
    assert server.form == {"grant_type": "refresh_token", "refresh_token": REFRESH, "scope": "read"}


def test_client_credentials(server: Server, lingpai: Lingpai) -> None:
    server.says({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600})
    assert lingpai.client_credentials().refresh_token is None
    assert server.form == {"grant_type": "client_credentials"}


def test_mobile_code(server: Server, lingpai: Lingpai) -> None:
    server.says(TOKENS)
    assert lingpai.mobile_code("13800138000", "012345").access_token == ACCESS
    assert server.form == {"grant_type": "urn:lingpai:grant:mobile-code", "mobile": "13800138000", "code": "012345"}


def test_sign(server: Server, lingpai: Lingpai) -> None:
    server.says(TOKENS)
    assert lingpai.sign("openid", scope="").access_token == ACCESS
    assert server.form == {"grant_type": "urn:lingpai:grant:sign", "sign": "openid"}


def test_send_code(server: Server, lingpai: Lingpai) -> None:
    server.says({"status": 200})
    lingpai.send_code("13800138000")
    assert server.last.url.path == "/mobile/code/get"
    assert server.last.headers["authorization"] == BASIC
    assert server.form == {"mobile": "13800138000"}
    server.says({"status": 200})
    lingpai.send_code("13800138000", captcha="the solution")
    assert server.form == {"mobile": "13800138000", "captcha": "the solution"}


def test_verify_code(server: Server, lingpai: Lingpai) -> None:
    """It needs no client, so none is told."""
    server.says({"status": 200})
    lingpai.verify_code("13800138000", "012345")
    assert server.last.url.path == "/mobile/code/verify"
    assert "authorization" not in server.last.headers
    assert server.form == {"mobile": "13800138000", "code": "012345"}


def test_current_user(server: Server, lingpai: Lingpai) -> None:
    server.says({"status": 200, "message": USER})
    assert lingpai.current_user(ACCESS) == User(
        id=7,
        username="mei",
        phone="13800138000",
        open_id=None,
        roles=(Role(2, "user"),),
        created="2026-01-02 03:04:05",
    )
    assert (server.last.method, server.last.url.path) == ("GET", "/users/current")
    assert server.last.headers["authorization"] == f"Bearer {ACCESS}"


def test_introspect(server: Server, lingpai: Lingpai) -> None:
    server.says(
        {
            "active": True,
            "client_id": "shop",
            "sub": "7",
            "scope": "read write",
            "token_type": "Bearer",
            "iat": 1767225600,
            "exp": 1767229200,
            "iss": URL,
        }
    )
    assert lingpai.introspect(ACCESS) == Introspection(
        active=True,
        client_id="shop",
        sub="7",
        scope=("read", "write"),
        token_type="Bearer",
        issued_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        expires_at=datetime(2026, 1, 1, 1, tzinfo=timezone.utc),
        issuer=URL,
    )
    assert server.last.url.path == "/oauth/introspect"
    assert server.form == {"token": ACCESS}


@pytest.mark.parametrize("said", [{"active": False}, {"active": False, "sub": "7"}, {"active": "true"}])
def test_introspect_inactive(server: Server, lingpai: Lingpai, said: dict[str, object]) -> None:
    """Only `true` is active, and of the rest nothing is told."""
    server.says(said)
    assert lingpai.introspect(ACCESS) == Introspection(active=False)


def test_introspect_empty_scope(server: Server, lingpai: Lingpai) -> None:
    """A token without scopes, and without what RFC 7662 leaves open."""
    server.says({"active": True, "scope": ""})
    assert lingpai.introspect(ACCESS) == Introspection(active=True)


def test_revoke(server: Server, lingpai: Lingpai) -> None:
    server.says({})
    lingpai.revoke(REFRESH)
    assert server.last.url.path == "/oauth/revoke"
    assert server.form == {"token": REFRESH}


def test_metadata(server: Server, lingpai: Lingpai) -> None:
    said = {
        "issuer": URL,
        "token_endpoint": f"{URL}/oauth/token",
        "jwks_uri": f"{URL}/.well-known/jwks.json",
        "grant_types_supported": ["password"],
        "response_types_supported": [],
    }
    server.says(said)
    found = lingpai.metadata()
    assert (server.last.method, server.last.url.path) == ("GET", "/.well-known/oauth-authorization-server")
    assert "authorization" not in server.last.headers
    assert (found.issuer, found.grant_types, found.revocation_endpoint) == (URL, ("password",), None)
    assert found.everything == said


def test_public_client(server: Server) -> None:
    """Without a secret the id stands in the body (RFC 6749 section 3.2.1)."""
    server.says(TOKENS, {"status": 200})
    public = Lingpai(URL + "/", "shop", http_client=server.http)
    public.password("mei", "plum-blossom")
    assert server.form == {
        "grant_type": "password",
        "username": "mei",
        "password": "plum-blossom",
        "client_id": "shop",
    }
    assert "authorization" not in server.last.headers
    public.send_code("13800138000")
    assert server.form == {"mobile": "13800138000", "client_id": "shop"}


def test_client_id_with_a_colon(server: Server) -> None:
    """Basic cannot hold one (RFC 7617 section 2)."""
    server.says(TOKENS)
    Lingpai(URL, "urn:shop", "shop-secret", http_client=server.http).client_credentials()
    assert "authorization" not in server.last.headers
    assert server.form == {
        "grant_type": "client_credentials",
        "client_id": "urn:shop",
        "client_secret": "shop-secret",
    }


def test_language(server: Server) -> None:
    server.says({"status": 200})
    Lingpai(URL, "shop", language="en", http_client=server.http).send_code("13800138000")
    assert server.last.headers["accept-language"] == "en"


def test_what_a_given_client_adds(server: Server) -> None:
    """Credentials and redirects of the client that was given have no say."""
    given = httpx.Client(
        transport=httpx.MockTransport(server), auth=("other", "client"), follow_redirects=True, timeout=7
    )
    server.says({"active": False})
    Lingpai(URL, "shop", http_client=given).introspect(ACCESS)
    assert "authorization" not in server.last.headers
    assert server.last.extensions["timeout"] == {"connect": 7, "read": 7, "write": 7, "pool": 7}


def test_tokens_are_values() -> None:
    """Two with the same content are equal, and none can be changed."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    one = Tokens(ACCESS, REFRESH, 60, at)
    assert one == Tokens(ACCESS, REFRESH, 60, at)
    assert one.expired()
    with pytest.raises(AttributeError):
        one.expires_in = 1  # type: ignore[misc]


def test_passport_refusal(server: Server, lingpai: Lingpai) -> None:
    """The shape of Laravel Passport's refusals is read as well."""
    content = {"error": "invalid_credentials", "message": "The user credentials were incorrect."}
    server.says(httpx.Response(401, json=content))
    with pytest.raises(Refused) as caught:
        lingpai.password("mei", "plum-blossom")
    assert (caught.value.code, caught.value.description) == tuple(content.values())
