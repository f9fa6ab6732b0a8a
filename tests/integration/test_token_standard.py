"""`/oauth/token` for `standard` clients: RFC 6749 to the letter, and the extension grants."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.dialects import introspected
from tests.support.expect import standing_api
from tests.support.tokens import (
    ALICE,
    BAD_CLIENT,
    BAD_CODE,
    BAD_CREDENTIALS,
    BAD_REFRESH_TOKEN,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    MACHINE,
    STANDARD,
    TOKEN_PATHS,
    error,
    missing,
    not_allowed,
    opens,
    refresh,
    standard_tokens,
    stored,
)

PUBLIC = {"client_id": "public-client"}
NUMBER = "13912345678"
MOBILE_CODE = "urn:lingpai:grant:mobile-code"
SIGN = "urn:lingpai:grant:sign"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        yield opened


def put_client(api: Api, client_id: str, secret: str | None = "a-long-secret", **record: Any) -> tuple[str, str]:
    store: Any = api.services.store
    store.put_client(new_client(client_id, "standard", secret, **record))
    return client_id, secret or ""


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_a_password_gives_tokens(api: Api, path: str) -> None:
    """Only where the record asks for that grant, as this client's does."""
    tokens = standard_tokens(api.post(path, form=ALICE, basic=STANDARD))
    assert opens(api, tokens)["username"] == "alice"


def test_the_access_token_lives_an_hour(api: Api) -> None:
    tokens = standard_tokens(api.post("/oauth/token", form=ALICE, basic=STANDARD))
    api.time.advance(3599)
    assert opens(api, tokens)["username"] == "alice"
    api.time.advance(1)
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 401


def test_the_secret_may_stand_in_the_body(api: Api) -> None:
    form = {**ALICE, "client_id": "standard-client", "client_secret": "standard-secret"}
    standard_tokens(api.post("/oauth/token", form=form))


@pytest.mark.security("F35")
@pytest.mark.parametrize("path", ["/oauth/token", "/o/token", "/mobile/token", "/sign/token", "/oauth/introspect"])
def test_a_wrong_secret_in_the_body_is_challenged_as_one_in_the_header(api: Api, path: str) -> None:
    """RFC 9110 section 15.5.2: a 401 has a challenge, however the client tried to prove itself."""
    form = {**ALICE, "token": "x", "mobile": "13912345678", "code": "123456", "sign": "x"}
    for secret in ("wrong", ""):
        answer = api.post(path, form={**form, "client_id": "standard-client", "client_secret": secret})
        assert answer == api.post(path, form=form, basic=("standard-client", secret))
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="lingpai", charset="UTF-8"')


@pytest.mark.security("ASVS-6.3.8")
def test_wrong_password_unknown_user_and_disabled_user_are_told_apart_by_nothing(api: Api) -> None:
    api.services.store.commit(DisableUser(accounts.create(api.services, "carol", "battery staple correct")))
    before = stored(api)
    answers = [
        api.post("/oauth/token", form={**ALICE, "username": username, "password": password}, basic=STANDARD)
        for username, password in (
            ("alice", "wrong horse battery"),
            ("nobody", "correct horse battery"),
            ("carol", "battery staple correct"),
        )
    ]
    assert answers == [BAD_CREDENTIALS] * 3
    assert stored(api) == before


def test_client_credentials_give_no_refresh_token(api: Api) -> None:
    form = {"grant_type": "client_credentials"}
    standard_tokens(api.post("/oauth/token", form=form, basic=STANDARD), refresh=False)


def test_a_client_without_scopes_is_told_of_none(api: Api) -> None:
    """RFC 6749 section 5.1: `scope` is optional where it is what was asked for."""
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE)
    tokens = standard_tokens(answer, None, refresh=False)
    assert introspected(api, tokens["access_token"])["active"]


def test_what_is_not_given_of_a_record_is_the_dialects() -> None:
    client = new_client("fresh", "standard", "secret", sign_provider="trusted")
    assert client.grants == {"client_credentials", "refresh_token"}
    assert (client.access_ttl, client.scopes, client.token_format) == (3600, (), "opaque")


@pytest.mark.security("ASVS-10.4.4")
def test_no_password_grant_by_default(api: Api) -> None:
    """RFC 9700 section 2.4."""
    assert api.post("/oauth/token", form=ALICE, basic=MACHINE) == not_allowed("password")


@pytest.mark.parametrize(("grant", "name"), [(MOBILE_CODE, "mobile"), (SIGN, "sign")])
def test_no_extension_grant_by_default(api: Api, grant: str, name: str) -> None:
    form = {"grant_type": grant, "mobile": NUMBER, "code": "123456", "sign": "o-1"}
    assert api.post("/oauth/token", form=form, basic=MACHINE) == not_allowed(name)


def test_a_public_client_names_itself_and_no_more(api: Api) -> None:
    """RFC 6749 section 3.2.1. The empty secret of a Basic header is none."""
    first = standard_tokens(api.post("/oauth/token", form={**ALICE, **PUBLIC}), "read")
    standard_tokens(api.post("/oauth/token", form=ALICE, basic=("public-client", "")), "read")
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **PUBLIC}
    second = standard_tokens(api.post("/oauth/token", form=form), "read")
    assert opens(api, second)["username"] == "alice"


def test_a_public_client_has_no_credentials_to_act_by(api: Api) -> None:
    """RFC 6749 section 4.4: client credentials are for confidential clients only."""
    form = {"grant_type": "client_credentials", **PUBLIC}
    assert api.post("/oauth/token", form=form) == not_allowed("client_credentials")


def test_a_public_client_cannot_open_what_another_client_was_given(api: Api) -> None:
    token = standard_tokens(api.post("/oauth/token", form=ALICE, basic=STANDARD))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, **PUBLIC}
    assert api.post("/oauth/token", form=form) == BAD_REFRESH_TOKEN
    standard_tokens(refresh(api, token, STANDARD))


@pytest.mark.security("ASVS-10.4.10")
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": "no-client"},
        {"client_id": "standard-client"},
        {"client_id": "standard-client", "client_secret": ""},
        {"client_id": "standard-client", "client_secret": "wrong-secret"},
        {"clientId": "standard-client"},
        {"client_secret": "standard-secret"},
    ],
)
def test_a_bad_client_is_asked_for_basic(api: Api, form: dict[str, str]) -> None:
    before = stored(api)
    assert api.post("/oauth/token", form={**ALICE, **form}) == BAD_CLIENT
    assert stored(api) == before


def test_a_header_of_another_scheme_authenticates_no_client(api: Api) -> None:
    token = api.token()
    assert api.post("/oauth/token", form=ALICE, bearer=token) == BAD_CLIENT


@pytest.mark.parametrize(
    ("client_id", "refused"),
    [("standard-client", BAD_CLIENT), ("web-client", BAD_SPRING_CLIENT), ("no-client", BAD_SPRING_CLIENT)],
)
def test_a_bad_client_is_refused_in_its_own_dialect(api: Api, client_id: str, refused: Answer) -> None:
    """The record decides; for a client that is not known the shape does: a Basic header looks like spring."""
    assert api.post("/oauth/token", form=ALICE, basic=(client_id, "wrong-secret")) == refused


@pytest.mark.parametrize("name", ["username", "password", "grant_type"])
def test_what_is_missing_is_named(api: Api, name: str) -> None:
    form = {key: value for key, value in ALICE.items() if key != name}
    assert api.post("/oauth/token", form=form, basic=STANDARD) == missing(name)


@pytest.mark.parametrize("grant", ["implicit", "mobile", "sign", "urn:lingpai:grant:other"])
def test_an_unknown_grant(api: Api, grant: str) -> None:
    answer = api.post("/oauth/token", form={**ALICE, "grant_type": grant}, basic=STANDARD)
    assert answer == error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")


@pytest.mark.security("RFC9700-2.3", "ASVS-10.4.11")
@pytest.mark.parametrize("scope", ["admin", "read admin", "Read", 're"ad'])
def test_a_scope_that_the_client_lacks_is_refused(api: Api, scope: str) -> None:
    before = stored(api)
    for grant in ("password", "client_credentials", SIGN):
        form = {**ALICE, "grant_type": grant, "sign": "o-1", "scope": scope}
        assert api.post("/oauth/token", form=form, basic=STANDARD) == BAD_SCOPE
    assert stored(api) == before


def test_a_narrower_scope_is_granted_and_told(api: Api) -> None:
    form = {"grant_type": "client_credentials", "scope": "write"}
    standard_tokens(api.post("/oauth/token", form=form, basic=STANDARD), "write", refresh=False)


def test_a_refresh_token_for_a_client_that_may_not_refresh(api: Api) -> None:
    client = put_client(api, "no-refresh", grants=("password",))
    tokens = standard_tokens(api.post("/oauth/token", form=ALICE, basic=client), None)
    assert refresh(api, tokens["refresh_token"], client) == not_allowed("refresh_token")


def test_an_id_and_secret_with_signs_in_them_may_be_form_encoded(api: Api) -> None:
    """RFC 6749 section 2.3.1 wants them so in a Basic header; many clients send them as they are."""
    put_client(api, "app@例子:1", "a+b %20/ü:")
    encoded = ("app%40%E4%BE%8B%E5%AD%90%3A1", "a%2Bb+%2520%2F%C3%BC%3A")
    form = {"grant_type": "client_credentials"}
    standard_tokens(api.post("/oauth/token", form=form, basic=encoded), None, refresh=False)
    same_in_body = {**form, "client_id": "app@例子:1"}
    standard_tokens(api.post("/oauth/token", form=same_in_body, basic=encoded), None, refresh=False)
    in_body = {**same_in_body, "client_secret": "a+b %20/ü:"}
    standard_tokens(api.post("/oauth/token", form=in_body), None, refresh=False)
    plain = put_client(api, "plain", "a+b/c=:d")
    standard_tokens(api.post("/oauth/token", form=form, basic=plain), None, refresh=False)


def test_a_mobile_code_gives_tokens(api: Api) -> None:
    assert api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=STANDARD).status == 200
    form = {"grant_type": MOBILE_CODE, "mobile": NUMBER, "code": api.last_code, "scope": "read"}
    tokens = standard_tokens(api.post("/oauth/token", form=form, basic=STANDARD), "read")
    assert opens(api, tokens)["phone"] == NUMBER
    assert api.post("/oauth/token", form=form, basic=STANDARD) == BAD_CODE


def test_a_mobile_code_works_for_a_public_client(api: Api) -> None:
    number = "13912345671"
    assert api.post("/mobile/code/get", form={"mobile": number, **PUBLIC}).status == 200
    form = {"grant_type": MOBILE_CODE, "mobile": number, "code": api.last_code, **PUBLIC}
    standard_tokens(api.post("/oauth/token", form=form), "read")


@pytest.mark.parametrize("name", ["mobile", "code"])
def test_a_mobile_code_grant_needs_both(api: Api, name: str) -> None:
    form = {"grant_type": MOBILE_CODE, "mobile": NUMBER, "code": "123456"}
    del form[name]
    assert api.post("/oauth/token", form=form, basic=STANDARD) == missing(name)


def test_tries_at_the_extension_grant_count_as_everywhere(api: Api) -> None:
    form = {"grant_type": MOBILE_CODE, "mobile": "13912345672", "code": "123456"}
    for _ in range(5):
        assert api.post("/oauth/token", form=form, basic=STANDARD) == BAD_CODE
    answer = api.post("/oauth/token", form=form, basic=STANDARD)
    said = "Too many tries for this number: wait before the next"
    assert answer == error(429, "too_many_requests", said, {"retry-after": "3600"})


def test_a_sign_gives_tokens(api: Api) -> None:
    form = {"grant_type": SIGN, "sign": "o-standard"}
    first = standard_tokens(api.post("/oauth/token", form=form, basic=STANDARD))
    second = standard_tokens(api.post("/sign/token", form={"sign": "o-standard"}, basic=STANDARD))
    assert opens(api, first) == opens(api, second)
    assert opens(api, first)["openId"] == "o-standard"


def test_a_sign_grant_needs_its_sign(api: Api) -> None:
    assert api.post("/oauth/token", form={"grant_type": SIGN}, basic=STANDARD) == missing("sign")


def test_a_sign_is_not_trusted_from_a_public_client(api: Api) -> None:
    before = stored(api)
    assert api.post("/oauth/token", form={"grant_type": SIGN, "sign": "o-1", **PUBLIC}) == not_allowed("sign")
    assert stored(api) == before


def test_the_seeds_own_paths_answer_in_the_clients_dialect(api: Api) -> None:
    """`/sign/token` and `/mobile/token` belong to seed 003, but the record decides."""
    assert api.post("/sign/token", form={"sign": "o-1"}, basic=MACHINE) == not_allowed("sign")
    assert api.post("/sign/token", form={"sign": "o-1"}) == BAD_CLIENT
    number = "13912345673"
    assert api.post("/mobile/code/get", form={"mobile": number}, basic=STANDARD).status == 200
    form = {"mobile": number, "code": api.last_code}
    standard_tokens(api.post("/mobile/token", form=form, basic=STANDARD))
