"""`/oauth/introspect` against each MUST of RFC 7662."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lingpai.clients.service import DEFAULTS, new_client
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError
from lingpai.sessions import access_tokens
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.dialects import (
    BY_PASSWORD,
    GRACE,
    ISSUER,
    JWT,
    MACHINE_JWT,
    PASSPORT,
    REFRESH_LIFE,
    log_in_by_digests,
    parts,
    reply,
    signed_tokens,
)
from tests.support.expect import standing_api
from tests.support.tokens import (
    BAD_CLIENT,
    BUSY,
    CHALLENGE,
    MACHINE,
    STANDARD,
    WEB,
    error,
    missing,
    on_call,
    refresh,
)

PATH = "/oauth/introspect"
HOUR = 3600
INACTIVE = reply(200, {"active": False})


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api(digest_login=True) as opened:
        opened.token()
        yield opened


def ask(api: Api, token: str, **fields: str) -> Answer:
    return api.post(PATH, form={"token": token, **fields}, basic=STANDARD)


def issue(api: Api, client: tuple[str, str] = STANDARD, **form: str) -> Any:
    answer = api.post("/oauth/token", form={**BY_PASSWORD, **form}, basic=client)
    assert answer.status == 200, answer
    return answer.json


# --- section 2.1: the request ---------------------------------------------------------------------------------


@pytest.mark.security("ASVS-10.4.10")
def test_the_caller_must_be_authorised(api: Api) -> None:
    """Section 2.1: "the endpoint MUST also require some form of authorization". Here: a client with its secret."""
    token = issue(api)["access_token"]
    for arguments in (
        {},
        {"basic": ("standard-client", "wrong")},
        {"basic": ("nobody", "x")},
        {"basic": ("public-client", "")},
        {"bearer": token},
    ):
        # Section 2.3: 401 as in RFC 6749 section 5.2.
        assert api.post(PATH, form={"token": token}, **arguments) == BAD_CLIENT
    for client in ({"client_id": "public-client"}, {"client_id": "23"}, {"client_id": "standard-client"}):
        assert api.post(PATH, form={"token": token, **client}) == BAD_CLIENT


def test_the_caller_may_authenticate_in_the_body(api: Api) -> None:
    """Section 2.1 leaves the way open; RFC 6749 section 2.3.1 has two."""
    form = {"token": issue(api, JWT)["access_token"], "client_id": "jwt-client", "client_secret": "jwt-secret"}
    assert api.post(PATH, form=form).json["active"]


@pytest.mark.security("F29")
def test_an_empty_scope_is_left_out(api: Api) -> None:
    """A scope has one token at least (RFC 6749 section 3.3), in a signed token (RFC 9068 section 2.2.3) as well."""
    store: Any = api.services.store
    grants = ("client_credentials", "password", "refresh_token")
    store.put_client(new_client("scopeless", "standard", "scopeless-secret", grants=grants))
    store.put_client(new_client("signed", "standard", "signed-secret", grants=grants, token_format="jwt"))
    clients: list[tuple[str, str]] = [("scopeless", "scopeless-secret"), ("signed", "signed-secret"), MACHINE]
    for client in clients:
        form = {"grant_type": "client_credentials"}
        for tokens in (issue(api, client, **form), *([] if client == MACHINE else [issue(api, client)])):
            assert "scope" not in tokens
            for token in (tokens["access_token"], tokens.get("refresh_token")):
                told = api.post(PATH, form={"token": token}, basic=client).json if token else {"active": True}
                assert told["active"]
                assert "scope" not in told
            if client[0] == "signed":
                assert "scope" not in parts(tokens["access_token"])[1]
                opened = api.post("/users/current", bearer=tokens["access_token"])
                assert opened.status in (200, 403)


def test_a_caller_without_authorisation_learns_nothing(api: Api) -> None:
    """Section 4: else tokens could be tried out. Good and bad ones are answered alike, whatever is asked."""
    token = issue(api)["access_token"]
    answers = [api.post(PATH, form={"token": text}, basic=("standard-client", "wrong")) for text in (token, "x", "")]
    assert answers == [BAD_CLIENT] * 3


@pytest.mark.security("F7")
@pytest.mark.parametrize("dialect", DEFAULTS)
def test_a_resource_server_may_ask_about_the_tokens_of_others(api: Api, dialect: str) -> None:
    """That is what it is for; whatever its dialect, the answer is RFC 7662's."""
    store: Any = api.services.store
    store.put_client(new_client(f"{dialect}-server", dialect, "its-own-secret", introspect=True))
    for client in (WEB, JWT):
        token = issue(api, client)["access_token"]
        answer = api.post(PATH, form={"token": token}, basic=(f"{dialect}-server", "its-own-secret"))
        assert answer == ask(api, token)
        assert answer.json["client_id"] == client[0]


@pytest.mark.security("F7")
@pytest.mark.parametrize(
    "client",
    [WEB, MACHINE, JWT, ("django-app", "django-secret"), ("2", "passport-secret")],
    ids=lambda client: client[0],
)
def test_a_client_without_the_permission_asks_about_its_own_tokens_alone(api: Api, client: tuple[str, str]) -> None:
    """RFC 7662 section 2.2: not active, too, is a token that the caller may not ask about."""
    tokens = [*issue(api).values(), machine_token(api), *issue(api, ("app-client", "app-secret")).values()]
    for token in filter(lambda value: "." in str(value), tokens):
        assert api.post(PATH, form={"token": token}, basic=client) == INACTIVE
    if client not in (MACHINE, ("2", "passport-secret"), ("django-app", "django-secret")):
        assert api.post(PATH, form={"token": issue(api, client)["access_token"]}, basic=client).json["active"]


@pytest.mark.security("F7")
def test_a_refresh_token_is_active_for_its_own_client_alone(api: Api) -> None:
    """No resource server is ever sent one: whoever asks about another client's has found it somewhere."""
    own, others = issue(api)["refresh_token"], issue(api, WEB)["refresh_token"]
    assert ask(api, own).json["active"]
    assert ask(api, others) == INACTIVE
    assert api.post(PATH, form={"token": others}, basic=WEB).json["active"]
    assert api.post(PATH, form={"token": own}, basic=WEB) == INACTIVE


def machine_token(api: Api) -> str:
    form = {"grant_type": "client_credentials"}
    token: str = api.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    return token


def test_the_token_must_be_given(api: Api) -> None:
    """Section 2.1: token is REQUIRED."""
    assert api.post(PATH, basic=STANDARD) == missing("token")
    assert ask(api, "") == missing("token")


def test_a_parameter_twice_is_refused(api: Api) -> None:
    """RFC 6749 section 3.1 holds for its extensions."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = api.post(PATH, body=b"token=a&token=b", headers=form, basic=STANDARD)
    assert answer == error(400, "invalid_request", "The parameter token is given twice")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml", ""])
def test_a_wrong_hint_does_not_hide_a_token(api: Api, kind: str, hint: str) -> None:
    """Section 2.1: what is not found by the hint MUST be searched for among all kinds."""
    token = issue(api)[kind]
    assert ask(api, token, token_type_hint=hint) == ask(api, token)
    assert ask(api, token, token_type_hint=hint).json["active"]


def test_it_is_a_post(api: Api) -> None:
    """Section 2.1: by POST; the token may not stand in an address (section 4)."""
    token = issue(api)["access_token"]
    assert api.call("GET", PATH, basic=STANDARD).status == 405
    answer = api.post(f"{PATH}?token={token}", basic=STANDARD)
    text = "Send token in the body, not in the query string: addresses end up in logs"
    assert answer == error(400, "invalid_request", text)


# --- section 2.2: the answer ----------------------------------------------------------------------------------


def test_an_access_token(api: Api) -> None:
    """Section 2.2: `active` is REQUIRED, a boolean; the rest in the types of the section, times in whole seconds."""
    now = api.services.clock.now()
    answer = ask(api, issue(api, scope="write")["access_token"])
    assert answer == reply(
        200,
        {
            "active": True,
            "client_id": "standard-client",
            "sub": str(api.user_id("alice")),
            "sub_type": "user",
            "iat": now,
            "iss": ISSUER,
            "auth_time": now,
            "acr": "1",
            "amr": ["pwd"],
            "scope": "write",
            "token_type": "Bearer",
            "exp": now + HOUR,
        },
    )
    assert answer.headers == NO_STORE, "section 4: no cache on the way keeps it"


def test_a_refresh_token(api: Api) -> None:
    """Section 2.2: `token_type` is that of an access token, which this is not."""
    now = api.services.clock.now()
    expected = {
        "active": True,
        "client_id": "standard-client",
        "sub": str(api.user_id("alice")),
        "sub_type": "user",
        "iat": now,
        "iss": ISSUER,
        "auth_time": now,
        "acr": "1",
        "amr": ["pwd"],
        # Its own scope, though the access token was narrowed.
        "scope": "read write",
        "exp": now + REFRESH_LIFE,
    }
    first = issue(api)
    assert ask(api, first["refresh_token"]) == reply(200, expected)
    second = refresh(api, first["refresh_token"], STANDARD, scope="read").json
    assert ask(api, second["refresh_token"]) == reply(200, expected)


@pytest.mark.security("F9")
def test_the_token_of_a_client_for_itself(api: Api) -> None:
    """Section 2.2: `sub` is who authorised it: the client."""
    form = {"grant_type": "client_credentials"}
    for client in (MACHINE, MACHINE_JWT):
        answer = ask(api, api.post("/oauth/token", form=form, basic=client).json["access_token"])
        assert (answer.json["sub"], answer.json["client_id"]) == (client[0], client[0])
        assert answer.json["sub_type"] == "client"
        assert answer.json["exp"] == api.services.clock.now() + HOUR


def test_a_signed_token_is_told_as_it_says(api: Api) -> None:
    now = api.services.clock.now()
    tokens = api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD}).json
    answer = ask(api, tokens["access_token"])
    assert answer.json["exp"] == now + 31536000
    assert answer.json["client_id"] == answer.json["aud"] == "2"
    assert ask(api, signed_tokens(api, scope="read")["access_token"]).json["scope"] == "read"


def test_the_audience_of_a_signed_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API that AUDIENCE names, or else this service; as in the token itself (RFC 9068 section 2.2)."""
    tokens = signed_tokens(api)
    assert ask(api, tokens["access_token"]).json["aud"] == ISSUER
    assert "aud" not in ask(api, issue(api)["access_token"]).json
    other = make_api(monkeypatch, api.services.store, populated=False, audience="https://shop.example.com")
    form = {"grant_type": "client_credentials"}
    own = other.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    assert ask(other, own).json["aud"] == "https://shop.example.com"
    assert ask(other, tokens["access_token"]).json["aud"] == ISSUER


def test_a_temporary_token(api: Api) -> None:
    token = log_in_by_digests(api)["accessToken"]
    temp = api.post("/oauth/getTempToken", json_body={"accessToken": token}).json["result"]
    expires_at = api.services.clock.now() + 300
    assert ask(api, temp).json == {**ask(api, token).json, "exp": expires_at, "temporary": True}


def revoked(api: Api) -> str:
    tokens = issue(api)
    api.post("/oauth/revoke", form={"token": tokens["refresh_token"]}, basic=STANDARD)
    return str(tokens["access_token"])


def revoked_machine(api: Api) -> str:
    token = machine_token(api)
    api.post("/oauth/revoke", form={"token": token}, basic=MACHINE_JWT)
    return token


def rotated(kind: str) -> Callable[[Api], str]:
    def make(api: Api) -> str:
        tokens = issue(api)
        refresh(api, tokens["refresh_token"], STANDARD)
        api.time.advance(GRACE + 1)
        return str(tokens[kind])

    return make


def expired(seconds: int, kind: str, client: tuple[str, str] = STANDARD) -> Callable[[Api], str]:
    def make(api: Api) -> str:
        tokens = issue(api, client)
        api.time.advance(seconds)
        return str(tokens[kind])

    return make


def altered(api: Api) -> str:
    token: str = signed_tokens(api)["access_token"]
    return token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")


def of_another_session(api: Api) -> str:
    first, second = issue(api)["access_token"], issue(api)["access_token"]
    return f"{first.partition('.')[0]}.{second.partition('.')[2]}"


NOT_ACTIVE: dict[str, Callable[[Api], str]] = {
    "nonsense": lambda _: "x",
    "words": lambda _: "no token at all",
    "a well-formed one that nobody gave": lambda _: "A" * 22 + "." + "A" * 43,
    # Section 4: whether it has expired, was revoked, is signed by us MUST be determined.
    "expired": expired(HOUR, "access_token"),
    "expired, signed": expired(HOUR, "access_token", JWT),
    "an expired refresh token": expired(REFRESH_LIFE, "refresh_token"),
    "revoked": revoked,
    "revoked, standing alone": revoked_machine,
    "replaced": rotated("access_token"),
    "a refresh token that was used": rotated("refresh_token"),
    "altered": altered,
    "of another session": of_another_session,
}


@pytest.mark.parametrize("case", NOT_ACTIVE)
def test_a_token_that_is_not_active_is_not_told_about(api: Api, case: str) -> None:
    """Section 2.2: the server MUST say `"active": false` and SHOULD NOT say more, not even why; with status 200."""
    assert ask(api, NOT_ACTIVE[case](api)) == INACTIVE


def test_a_token_is_not_active_before_its_time(api: Api) -> None:
    """Section 4: the server MUST determine whether the validity period has started."""
    token = signed_tokens(api)["access_token"]
    earlier = replace(api.services, clock=Clock(time=lambda: api.time.at - 31))
    with pytest.raises(LingpaiError, match="bad_token"):
        access_tokens.check(earlier, token)
    assert ask(api, token).json["active"]


def test_asking_changes_nothing(api: Api) -> None:
    """A used refresh token that is asked about ends nothing: asking is no use."""
    tokens = issue(api)
    second = refresh(api, tokens["refresh_token"], STANDARD).json
    api.time.advance(GRACE + 1)
    assert ask(api, tokens["refresh_token"]) == INACTIVE
    assert ask(api, second["access_token"]).json["active"]


@pytest.mark.moto
def test_a_store_that_fails_is_not_taken_for_a_token_that_is_bad(
    api_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inactive token would log people out; 503 says to ask again."""
    api = make_api(monkeypatch, api_store)
    tokens, signed = issue(api), signed_tokens(api)
    assert api.services.clients.get_client(STANDARD[0]), "at hand from now on"

    def fails(operation: str, _: object) -> dict[str, Any]:
        raise EndpointConnectionError(endpoint_url=operation)

    on_call(monkeypatch, api, fails)
    for token in (tokens["access_token"], tokens["refresh_token"], signed["access_token"]):
        assert ask(api, token) == BUSY


def test_a_client_that_was_disabled_may_not_ask(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(replace(new_client("asking", "standard", "a-secret"), disabled=True))
    refused = api.post(PATH, form={"token": "x"}, basic=("asking", "a-secret"))
    assert (refused.status, refused.headers["www-authenticate"]) == (401, CHALLENGE["www-authenticate"])
