"""`/oauth/revoke` against each MUST of RFC 7009."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.support.api import Answer, Api, make_api
from tests.support.dialects import (
    BY_PASSWORD,
    JWT,
    MACHINE_JWT,
    PASSPORT,
    introspected,
    is_good,
    reply,
    signed_tokens,
)
from tests.support.expect import standing_api
from tests.support.tokens import (
    BAD_CLIENT,
    BAD_REFRESH_TOKEN,
    BUSY,
    MACHINE,
    STANDARD,
    WEB,
    error,
    missing,
    on_call,
    refresh,
    stored,
)

PATH = "/oauth/revoke"
REVOKED = reply(200, {})
OF_ANOTHER = error(400, "invalid_grant", "The token was issued to another client")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        yield opened


def revoke(api: Api, token: str, client: tuple[str, str] = STANDARD, **fields: str) -> Answer:
    return api.post(PATH, form={"token": token, **fields}, basic=client)


def issue(api: Api, client: tuple[str, str] = STANDARD) -> Any:
    return api.log_in("alice", BY_PASSWORD["password"], client)


def are_good(api: Api, tokens: Any) -> tuple[bool, bool]:
    """Whether the access and the refresh token are."""
    return is_good(api, tokens["access_token"]), introspected(api, tokens["refresh_token"])["active"]


# --- section 2.1: the request ---------------------------------------------------------------------------------


@pytest.mark.security("RFC9700-4.10")
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_either_token_ends_the_family(api: Api, kind: str) -> None:
    """Section 2: refresh tokens MUST be revocable, access tokens SHOULD; section 2.1: one takes the other along.

    Other sessions of the same user at the same client stay.
    """
    tokens, other = issue(api), issue(api)
    assert are_good(api, tokens) == (True, True)
    assert revoke(api, tokens[kind]) == REVOKED
    assert are_good(api, tokens) == (False, False)
    assert refresh(api, tokens["refresh_token"], STANDARD) == BAD_REFRESH_TOKEN
    assert are_good(api, other) == (True, True)


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "saml", ""])
def test_a_wrong_hint_does_not_save_a_token(api: Api, kind: str, hint: str) -> None:
    """Section 2.1: what is not found by the hint MUST be searched for among all kinds."""
    tokens = issue(api)
    assert revoke(api, tokens[kind], token_type_hint=hint) == REVOKED
    assert are_good(api, tokens) == (False, False)


@pytest.mark.security("ASVS-10.4.10")
def test_the_client_is_authenticated_first(api: Api) -> None:
    """Section 2.1: the server first validates the client credentials, and no token is looked at before."""
    tokens = issue(api)
    before = stored(api)
    for arguments in (
        {"basic": ("standard-client", "wrong")},
        {"basic": ("nobody", "x")},
        {},
        {"bearer": tokens["access_token"]},
    ):
        assert api.post(PATH, form={"token": tokens["access_token"]}, **arguments) == BAD_CLIENT
    form = {"token": tokens["access_token"], "client_id": "standard-client"}
    assert api.post(PATH, form=form) == BAD_CLIENT
    assert stored(api) == before


@pytest.mark.parametrize("client", [WEB, JWT, MACHINE])
def test_a_token_of_another_client_is_refused(api: Api, client: tuple[str, str]) -> None:
    """Section 2.1: it is verified whether the token was issued to the client; if not, the request is refused."""
    tokens, signed = issue(api), signed_tokens(api)
    before = stored(api)
    assert revoke(api, tokens["access_token"], client) == OF_ANOTHER
    assert revoke(api, tokens["refresh_token"], client) == OF_ANOTHER
    if client != JWT:
        assert revoke(api, signed["access_token"], client) == OF_ANOTHER
    assert stored(api) == before


def test_so_is_one_that_stands_alone(api: Api) -> None:
    form = {"grant_type": "client_credentials"}
    token = api.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    assert revoke(api, token, JWT) == OF_ANOTHER
    assert introspected(api, token)["active"]


@pytest.mark.parametrize("client", ["public-client", "23"])
def test_a_public_client_revokes_its_own(api: Api, client: str) -> None:
    """Section 2.1: a public client is known by its `client_id` alone. Section 5: its tokens only."""
    form = {**BY_PASSWORD, "client_id": client}
    answer = api.post("/oauth/token", form=form).json
    tokens = answer.get("data", answer)
    token = tokens.get("refresh_token") or tokens["refreshToken"]
    other = issue(api)
    assert api.post(PATH, form={"token": other["refresh_token"], "client_id": client}) == OF_ANOTHER
    assert api.post(PATH, form={"token": token, "client_id": client}) == REVOKED
    assert not introspected(api, token)["active"]
    assert are_good(api, other) == (True, True)


@pytest.mark.parametrize("client", [("django-app", "django-secret"), ("2", "passport-secret"), WEB, JWT])
def test_clients_of_every_dialect(api: Api, client: tuple[str, str]) -> None:
    """Whose answer is RFC 7009's."""
    tokens = issue(api, client)
    assert revoke(api, tokens["access_token"], client) == REVOKED
    assert are_good(api, tokens) == (False, False)


def test_the_token_must_be_given(api: Api) -> None:
    """Section 2.1: token is REQUIRED."""
    assert api.post(PATH, basic=STANDARD) == missing("token")
    assert revoke(api, "") == missing("token")
    twice = api.post(PATH, body=b"token=a&token=b", headers=FORM, basic=STANDARD)
    assert twice == error(400, "invalid_request", "The parameter token is given twice")


def test_it_is_a_post(api: Api) -> None:
    """Section 2: by POST. The token may not stand in an address, as JSONP would have it (section 2.3)."""
    tokens = issue(api)
    assert api.call("GET", PATH, basic=STANDARD).status == 405
    answer = api.post(f"{PATH}?token={tokens['access_token']}", basic=STANDARD)
    assert answer.json["error"] == "invalid_request"
    assert are_good(api, tokens) == (True, True)


# --- section 2.2: the answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", ["x", "A" * 22 + "." + "A" * 43, "A" * 22 + "." + "A" * 48, "a.b.c", "令牌"], ids=range(5)
)
def test_an_unknown_token_is_as_good_as_revoked(api: Api, token: str) -> None:
    """Section 2.2: 200, for the client could do nothing about an error, and what it wanted is so."""
    before = stored(api)
    assert revoke(api, token) == REVOKED
    assert stored(api) == before


def test_revoking_twice(api: Api) -> None:
    tokens = issue(api)
    assert [revoke(api, tokens["refresh_token"]) for _ in range(2)] == [REVOKED] * 2


def test_half_a_token_ends_nothing(api: Api) -> None:
    """Whoever knows where a session is must prove the right to it, or could log others out."""
    tokens = issue(api)
    selector = tokens["refresh_token"].partition(".")[0]
    assert revoke(api, f"{selector}.{'A' * 43}") == REVOKED
    assert are_good(api, tokens) == (True, True)


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_a_token_that_was_just_replaced_still_ends_the_family(api: Api, kind: str) -> None:
    """A client that revokes while its refresh is under way means the session."""
    first = issue(api)
    second = refresh(api, first["refresh_token"], STANDARD).json
    assert revoke(api, first[kind]) == REVOKED
    assert are_good(api, second) == (False, False)


@pytest.mark.parametrize("client", [JWT, ("2", "passport-secret")], ids=["RFC 9068", "Passport"])
def test_a_signed_token_of_a_user_ends_its_session(api: Api, client: tuple[str, str]) -> None:
    """At once (section 2.2): the signature stays right, and the token is good no more."""
    tokens = issue(api, client)
    assert revoke(api, tokens["access_token"], client) == REVOKED
    assert are_good(api, tokens) == (False, False)


@pytest.mark.security("ASVS-7.4.1")
@pytest.mark.moto
def test_a_token_that_stands_alone_is_listed_until_it_expires(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One item, which the table forgets when the token would have expired."""
    api = make_api(monkeypatch, api_store)
    form = {"grant_type": "client_credentials"}
    token = api.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    expires_at = introspected(api, token)["exp"]
    before = set(stored(api)["sessions"])
    assert [revoke(api, token, MACHINE_JWT) for _ in range(2)] == [REVOKED] * 2
    assert not introspected(api, token)["active"]
    (listed,) = set(stored(api)["sessions"]) - before
    assert f"('ttl', {{'N': '{expires_at}'}})" in listed
    assert "hash" not in listed


def test_an_expired_one_is_not_listed(api: Api) -> None:
    """Nothing would be gained, and the list would grow."""
    form = {"grant_type": "client_credentials"}
    token = api.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    api.time.advance(3600)
    before = stored(api)
    assert revoke(api, token, MACHINE_JWT) == REVOKED
    assert stored(api) == before


def test_an_opaque_token_of_a_client_for_itself(api: Api) -> None:
    token = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE).json["access_token"]
    assert introspected(api, token)["active"]
    assert revoke(api, token, MACHINE) == REVOKED
    assert not introspected(api, token)["active"]


@pytest.mark.security("F8")
def test_a_temporary_token_ends_nothing(api: Api) -> None:
    """It reads, and the session is not its holder's (section 2.2.1: such a token cannot be revoked)."""
    tokens = issue(api)
    temp = api.post("/oauth/getTempToken", json_body={"accessToken": tokens["access_token"]}).json["result"]
    assert revoke(api, temp, WEB) == OF_ANOTHER
    refused = error(400, "unsupported_token_type", "A temporary token reads, and changes nothing")
    assert revoke(api, temp) == refused
    assert is_good(api, temp)
    assert are_good(api, tokens) == (True, True)


def test_a_token_from_before_two_refreshes_ends_nothing(api: Api) -> None:
    """The session has forgotten it; it was good for nothing any more."""
    first = issue(api)
    second = refresh(api, first["refresh_token"], STANDARD).json
    third = refresh(api, second["refresh_token"], STANDARD).json
    assert revoke(api, first["access_token"]) == REVOKED
    assert are_good(api, third) == (True, True)


# --- section 2.2.1: the error ---------------------------------------------------------------------------------


@pytest.mark.moto
def test_a_store_that_fails_is_no_success(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 2.2.1: 503 with Retry-After; the client must assume that the token still exists."""
    api = make_api(monkeypatch, api_store)
    tokens, signed = issue(api), signed_tokens(api)
    machine = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE_JWT).json
    for client in (STANDARD, JWT, MACHINE_JWT):
        api.services.clients.get_client(client[0])

    def fails(operation: str, _: object) -> dict[str, Any]:
        raise EndpointConnectionError(endpoint_url=operation)

    with monkeypatch.context() as patch:
        on_call(patch, api, fails)
        assert revoke(api, tokens["refresh_token"]) == BUSY
        assert revoke(api, signed["access_token"], JWT) == BUSY
        assert revoke(api, machine["access_token"], MACHINE_JWT) == BUSY
    assert are_good(api, tokens) == (True, True)
    assert is_good(api, signed["access_token"])
    assert introspected(api, machine["access_token"])["active"]


def test_passport_has_a_form_of_its_own_for_tokens_only(api: Api) -> None:
    """Here its errors are those of RFC 6749 section 5.2, which RFC 7009 section 2.2.1 asks for."""
    form = {"token": "x", **PASSPORT, "client_secret": "wrong"}
    assert api.post(PATH, form=form) == BAD_CLIENT
