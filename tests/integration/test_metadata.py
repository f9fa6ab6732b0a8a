"""Metadata against each MUST of RFC 8414, and the key set against RFC 7517."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt as pyjwt
import pytest

from lingpai.clients.service import new_client
from lingpai.oauth.grants import REGISTRY
from lingpai.signing_keys import service as signing_keys
from tests.support import stores
from tests.support.api import NO_STORE, Api, make_api
from tests.support.browsers import web_app
from tests.support.dialects import BY_PASSWORD, ISSUER, MACHINE_JWT, PASSPORT, signed_tokens
from tests.support.metadata import metadata_of
from tests.support.tokens import MACHINE, STANDARD

METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"
ENDPOINTS = (
    "token_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "userinfo_endpoint",
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with pytest.MonkeyPatch.context() as patch, stores.for_api() as opened:
        made = make_api(patch, opened)
        opened.put_client(web_app())
        yield made


@pytest.fixture
def metadata(api: Api) -> Any:
    answer = api.call("GET", METADATA)
    assert answer.status == 200
    return answer.json


def test_the_answer_is_json_with_status_200(api: Api) -> None:
    """Section 3.2: 200, application/json; section 3.1: asked for by GET, at this well-known address."""
    answer = api.call("GET", METADATA)
    assert (answer.status, answer.headers) == (200, NO_STORE)
    assert api.post(METADATA).status == 405


@pytest.mark.security("RFC9700-2.6")
@pytest.mark.security("BCL-2.1")
def test_whole(metadata: Any) -> None:
    """Section 2: issuer, authorization_endpoint, token_endpoint and response_types_supported are REQUIRED."""
    assert metadata == metadata_of(ISSUER)


def test_openid_clients_find_the_same(api: Api, metadata: Any) -> None:
    """OpenID Connect Discovery section 4; section 3 has what is REQUIRED besides."""
    answer = api.call("GET", "/.well-known/openid-configuration")
    assert (answer.status, answer.headers, answer.json) == (200, NO_STORE, metadata)
    assert {"jwks_uri", "subject_types_supported", "id_token_signing_alg_values_supported"} <= set(metadata)
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]


def test_the_issuer_is_an_https_address(metadata: Any) -> None:
    """Section 2: https, no query, no fragment."""
    parts = urlsplit(metadata["issuer"])
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")


def test_the_issuer_is_where_it_was_asked_for(metadata: Any) -> None:
    """Section 3.3: it MUST be the address into which the well-known part was put, to the letter."""
    assert metadata["issuer"] == ISSUER
    assert all(metadata[name].startswith(f"{ISSUER}/") for name in ENDPOINTS)


def test_the_issuer_may_be_set(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a domain of one's own: then every address is under it, and so are the tokens."""
    own = make_api(monkeypatch, api.services.store, populated=False, issuer="https://id.example.com")
    found = own.call("GET", METADATA).json
    assert found["issuer"] == "https://id.example.com"
    assert all(found[name].startswith("https://id.example.com/") for name in ENDPOINTS)
    token = signed_tokens(own)["access_token"]
    assert pyjwt.decode(token, options={"verify_signature": False})["iss"] == found["issuer"]


@pytest.mark.security("RFC9700-4.13")
def test_a_header_of_the_caller_does_not_make_the_issuer(api: Api) -> None:
    """Else whoever asks could be handed tokens and addresses of an issuer of its choice."""
    headers = {"Host": "attacker.example", "X-Forwarded-Host": "attacker.example", "Forwarded": "host=attacker.example"}
    assert api.call("GET", METADATA, headers=headers).json["issuer"] == ISSUER


def test_no_claim_is_empty(metadata: Any) -> None:
    """Section 3.2: claims with zero elements MUST be omitted."""
    assert [name for name, value in metadata.items() if value in ([], "", None)] == []


def test_every_address_in_it_answers(api: Api, metadata: Any) -> None:
    for name in ENDPOINTS:
        path = metadata[name].removeprefix(ISSUER)
        expected = 200 if name == "jwks_uri" else 401
        assert api.call("GET" if name == "jwks_uri" else "POST", path).status == expected, name


@pytest.mark.security("RFC9700-2.1.2")
def test_every_grant_in_it_is_known_and_no_other(api: Api, metadata: Any) -> None:
    """Section 2: `grant_types_supported`. A known one fails for what it lacks, not for its name."""
    every = {grant.PERMISSION for grant in REGISTRY.values()}
    record = new_client("every-grant", "standard", "the-secret-of-every-grant", grants=every, sign_provider="trusted")
    api.services.store.put_client(record)

    def refusal(grant: str) -> str:
        client = ("every-grant", "the-secret-of-every-grant")
        answer = api.post("/oauth/token", form={"grant_type": grant}, basic=client)
        return "" if answer.status == 200 else str(answer.json["error"])

    assert {refusal(grant) for grant in metadata["grant_types_supported"]} <= {"", "invalid_request"}
    for grant in ("implicit", "urn:ietf:params:oauth:grant-type:device_code", "mobile", "sign"):
        assert refusal(grant) == "unsupported_grant_type"


def test_every_way_to_authenticate_in_it_works(api: Api, metadata: Any) -> None:
    """Section 2: `token_endpoint_auth_methods_supported`, and those of the other two endpoints."""
    basic: dict[str, Any] = {"basic": STANDARD}
    ways: dict[str, dict[str, str]] = {
        "client_secret_basic": {},
        "client_secret_post": {"client_id": STANDARD[0], "client_secret": STANDARD[1]},
        "none": {"client_id": "public-client"},
    }

    def status(path: str, way: str, fields: dict[str, str]) -> int:
        more = basic if way == "client_secret_basic" else {}
        return api.post(path, form={**fields, **ways[way]}, **more).status

    for name, path, fields in (
        ("token", "/oauth/token", dict(BY_PASSWORD)),
        ("revocation", "/oauth/revoke", {"token": "x"}),
        ("introspection", "/oauth/introspect", {"token": "x"}),
    ):
        supported = metadata[f"{name}_endpoint_auth_methods_supported"]
        assert {way for way in ways if status(path, way, fields) == 200} == set(supported), name


# --- the key set ------------------------------------------------------------------------------------------------


def test_the_key_set(api: Api) -> None:
    """RFC 7517 section 5: `keys` MUST be there; copies may be kept for an hour."""
    answer = api.call("GET", JWKS)
    assert answer.status == 200
    assert answer.headers == {
        "content-type": "application/json;charset=UTF-8",
        "cache-control": "public, max-age=3600",
    }
    assert list(answer.json) == ["keys"]
    assert sorted(key["alg"] for key in answer.json["keys"]) == ["ES256", "RS256"]
    # RFC 7517 section 4.5: ids differ within the set.
    assert len({key["kid"] for key in answer.json["keys"]}) == 2
    assert api.post(JWKS).status == 405


def test_no_private_part_is_in_it(api: Api) -> None:
    """RFC 7518 sections 6.2.2 and 6.3.2."""
    for key in api.call("GET", JWKS).json["keys"]:
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_it_verifies_the_tokens(api: Api) -> None:
    """By a library that knows the set alone."""
    jwk_set = pyjwt.PyJWKSet.from_dict(api.call("GET", JWKS).json)
    passport = api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD}).json["access_token"]
    options: Any = {"verify_iat": False, "verify_nbf": False}
    for token, audience in ((passport, "2"), (signed_tokens(api)["access_token"], ISSUER)):
        key = jwk_set[pyjwt.get_unverified_header(token)["kid"]]
        claims = pyjwt.decode(token, key, [key.algorithm_name], audience=audience, issuer=ISSUER, options=options)
        assert claims["sub"] == str(api.user_id("alice"))


def test_a_next_key_is_in_it_before_it_signs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day before; whoever keeps a copy for an hour has it by then."""
    own = make_api(monkeypatch, api.services.store, populated=False)
    ring: Any = own.services.keys
    new = signing_keys.rotate(ring._store, ring._wrapper, own.services.clock, "ES256")
    assert new is not None
    own.time.advance(own.services.settings.key_cache_ttl)
    assert new.kid in [key["kid"] for key in own.call("GET", JWKS).json["keys"]]
    assert pyjwt.get_unverified_header(signed_tokens(own)["access_token"])["kid"] != new.kid
    own.time.advance(signing_keys.LEAD)
    assert pyjwt.get_unverified_header(signed_tokens(own)["access_token"])["kid"] == new.kid


def test_an_opaque_token_needs_no_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """So none is loaded for it, which would take longer than the rest of the request."""
    own = make_api(monkeypatch, api.services.store, populated=False)
    ring: Any = own.services.keys
    form = {"grant_type": "client_credentials"}
    assert own.post("/oauth/token", form=form, basic=MACHINE).status == 200
    assert ring._keys == ()
    assert own.post("/oauth/token", form=form, basic=MACHINE_JWT).status == 200
    assert len(ring._keys) == 2
