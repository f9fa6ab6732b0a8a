"""OAuth clients from the shelf, unchanged, against the running server."""

from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import InvalidGrantError, LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.e2e.server import Server

USER: dict[str, Any] = {"username": "alice", "password": "correct horse battery"}


@pytest.mark.parametrize(
    ("client", "secret", "token_type"),
    [("web-client", "web-secret", "bearer"), ("standard-client", "standard-secret", "Bearer")],
)
def test_authlib(server: Server, client: str, secret: str, token_type: str) -> None:
    """Password with Basic auth, a call, a refresh by itself when the token has expired, a call again."""
    renewed: list[dict[str, Any]] = []

    def update_token(token: dict[str, Any], refresh_token: str, access_token: str | None = None) -> None:
        renewed.append(dict(token))

    with AuthlibSession(
        client,
        secret,
        token_endpoint=f"{server.url}/oauth/token",
        token_endpoint_auth_method="client_secret_basic",
        update_token=update_token,
        scope="lingpai:account" if client == "standard-client" else None,
    ) as session:
        first = dict(session.fetch_token(**USER))
        server.hush(first["access_token"], first["refresh_token"])
        assert first["token_type"] == token_type
        assert session.get(f"{server.url}/users/current").json()["message"]["username"] == "alice"

        session.token = {**first, "expires_at": 1}
        assert session.get(f"{server.url}/users/current").json()["message"]["username"] == "alice"
        assert len(renewed) == 1
        server.hush(renewed[0]["access_token"], renewed[0]["refresh_token"])
        assert renewed[0]["refresh_token"] != first["refresh_token"]
        assert renewed[0]["access_token"] == session.token["access_token"]


def test_authlib_client_credentials(server: Server) -> None:
    """A machine gets its token, and another one without being asked when it has expired."""
    with AuthlibSession(
        "machine-client",
        "machine-secret",
        token_endpoint=f"{server.url}/oauth/token",
        grant_type="client_credentials",
        scope="lingpai:admin",
    ) as session:
        first = session.fetch_token()
        assert set(first) == {"access_token", "token_type", "expires_in", "expires_at", "scope"}
        session.token = {**first, "expires_at": 1}
        roles = session.post(f"{server.url}/roles/list").json()["message"]
        assert {"id": 1, "roleName": "admin"} in roles
        assert session.token["access_token"] != first["access_token"]
        server.hush(first["access_token"], session.token["access_token"])


def test_requests_oauthlib(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Password with Basic auth, a call, a refresh when the token has expired, a call again."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # it refuses plain HTTP else
    basic = HTTPBasicAuth("web-client", "web-secret")
    url = f"{server.url}/oauth/token"
    with OAuth2Session(client=LegacyApplicationClient("web-client")) as session:
        first = dict(session.fetch_token(url, **USER, auth=basic))
        server.hush(first["access_token"], first["refresh_token"])
        assert (first["token_type"], first["scope"]) == ("bearer", ["web"])
        assert session.get(f"{server.url}/users/current").json()["message"]["username"] == "alice"

        second = session.refresh_token(url, auth=basic)
        server.hush(second["access_token"], second["refresh_token"])
        assert second["refresh_token"] != first["refresh_token"]
        assert session.get(f"{server.url}/users/current").json()["message"]["username"] == "alice"

        with pytest.raises(InvalidGrantError, match="Bad credentials"):
            session.fetch_token(url, username="alice", password="not her password", auth=basic)


def test_requests_oauthlib_in_the_body(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends its id and secret in the body is served as well (RFC 6749 section 2.3.1)."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with OAuth2Session(client=LegacyApplicationClient("standard-client", scope=["read"])) as session:
        tokens = session.fetch_token(
            f"{server.url}/o/token/", **USER, client_secret="standard-secret", include_client_id=True
        )
        server.hush(tokens["access_token"], tokens["refresh_token"])
        assert (tokens["token_type"], tokens["scope"]) == ("Bearer", ["read"])
