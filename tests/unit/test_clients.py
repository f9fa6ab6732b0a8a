"""Clients: their records and defaults, the memory for them, and the proof that it is the client."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lingpai.clients.model import Client
from lingpai.clients.service import (
    CACHE_SIZE,
    DEFAULTS,
    Credentials,
    Registry,
    authenticate,
    hash_secret,
    inconsistency,
    new_client,
)
from lingpai.clients.storage import ClientLookup
from lingpai.kernel.errors import LingpaiError
from lingpai.oauth import rights
from tests.support.time import Time

DAY = 86400


class Source:
    """Clients' records, and how often each was asked for."""

    def __init__(self, *clients: Client) -> None:
        self.clients = {client.id: client for client in clients}
        self.asked: list[str] = []
        self.valid_from = 0

    def get_client(self, client_id: str) -> Client | None:
        self.asked.append(client_id)
        return self.clients.get(client_id)

    def look_up_client(self, client_id: str) -> ClientLookup:
        return ClientLookup(self.get_client(client_id), self.valid_from)


# --- records ---------------------------------------------------------------------------------------------


def test_the_defaults_of_spring() -> None:
    client = new_client("web", "spring", "secret")
    assert client.grants == {"client_credentials", "refresh_token", "password", "mobile"}
    assert (client.access_ttl, client.refresh_ttl, client.session_ttl) == (1296000, 30 * DAY, 180 * DAY)
    assert (client.scopes, client.roles, client.token_format) == ((), frozenset(), "opaque")
    assert (client.sign_provider, client.sign_app, client.disabled) == (None, "default", False)


def test_a_spring_client_with_a_provider_signs() -> None:
    assert new_client("web", "spring", sign_provider="trusted").grants == {
        "client_credentials",
        "refresh_token",
        "password",
        "mobile",
        "sign",
    }


def test_the_defaults_of_standard() -> None:
    client = new_client("new", "standard", "secret", sign_provider="trusted")
    assert client.grants == {"client_credentials", "refresh_token"}
    assert (client.access_ttl, client.refresh_ttl, client.session_ttl) == (3600, 30 * DAY, 180 * DAY)
    assert client.scopes == ()


def test_what_a_record_says_goes_before_the_defaults() -> None:
    client = new_client(
        "web",
        "spring",
        "secret",
        grants=["password"],
        scopes=("a", "b"),
        access_ttl=60,
        refresh_ttl=120,
        session_ttl=180,
        roles=["admin"],
        sign_provider="trusted",
        sign_app="wx",
    )
    assert (sorted(client.grants), client.scopes, sorted(client.roles)) == (["password"], ("a", "b"), ["admin"])
    assert (client.access_ttl, client.refresh_ttl, client.session_ttl) == (60, 120, 180)
    assert (client.sign_provider, client.sign_app) == ("trusted", "wx")
    assert new_client("none", "spring", grants=[], scopes=()).grants == frozenset()


def test_a_session_outlives_its_access_token() -> None:
    assert new_client("long", "spring", access_ttl=365 * DAY).session_ttl == 365 * DAY


def test_the_secret_is_kept_as_a_hash_alone() -> None:
    client = new_client("web", "spring", "the secret")
    assert client.secret_hash == hash_secret("the secret")
    assert client.confidential
    assert "the secret" not in repr(client)
    assert repr(client.secret_hash) not in repr(client)
    assert not new_client("app", "spring").confidential


@pytest.mark.security("F9")
@pytest.mark.parametrize("client_id", ["7", "0", "376482131337659", "７"])
def test_an_id_of_digits_only_is_for_no_token_of_the_clients_own(client_id: str) -> None:
    """It is left out of the dialect's grants, and refused where it is asked for."""
    assert "client_credentials" not in new_client(client_id, "spring", "secret").grants
    reason = inconsistency(new_client(client_id, "spring", "secret", grants=["client_credentials"]))
    assert reason is not None
    assert reason.startswith("grant_types: a client whose id has digits only")
    assert inconsistency(new_client("a" + client_id, "spring", "secret", grants=["client_credentials"])) is None


@pytest.mark.security("F6")
def test_what_a_record_may_not_say() -> None:
    assert str(inconsistency(new_client("new", "standard", "secret", api="admin"))).startswith("api: ")
    assert str(inconsistency(new_client("lingpai:deployment", "spring", "secret"))).startswith("client_id: ")
    assert inconsistency(new_client("web", "spring", "secret", api="account")) is None


@pytest.mark.security("F6")
def test_what_a_record_opens_that_does_not_say_it() -> None:
    told = {dialect: rights.default_of(new_client("c", dialect, "secret")) for dialect in DEFAULTS}
    known = {"spring": "admin", "usercenter": "account", "django": "none", "passport": "none", "standard": "none"}
    assert {dialect: told[dialect] for dialect in known} == known
    assert rights.default_of(new_client("c", "spring")) == "account"


# --- the memory ------------------------------------------------------------------------------------------


def test_a_record_is_read_once_in_its_time() -> None:
    source, time = Source(new_client("web", "spring")), Time()
    registry = Registry(source, time.clock(), ttl=60)
    for _ in range(3):
        assert registry.get_client("web") == source.clients["web"]
    time.advance(59)
    assert registry.get_client("web") == source.clients["web"]
    assert source.asked == ["web"]
    time.advance(1)
    changed = source.clients["web"] = new_client("web", "spring", "secret")
    assert registry.get_client("web") == changed
    assert source.asked == ["web", "web"]


def test_a_record_that_is_gone_is_forgotten_in_time() -> None:
    source, time = Source(new_client("web", "spring")), Time()
    registry = Registry(source, time.clock(), ttl=60)
    assert registry.get_client("web")
    source.clients.clear()
    time.advance(60)
    assert registry.get_client("web") is None


def test_what_is_not_there_is_not_remembered() -> None:
    source = Source()
    registry = Registry(source, Time().clock(), ttl=60)
    assert registry.get_client("web") is None
    source.clients["web"] = new_client("web", "spring")
    assert registry.get_client("web") == source.clients["web"]


@pytest.mark.security("F10")
def test_the_later_valid_from_counts() -> None:
    source = Source(replace(new_client("web", "spring"), valid_from=7))
    registry = Registry(source, Time().clock(), ttl=0)
    for deployment, told in ((0, 7), (7, 7), (8, 8)):
        source.valid_from = deployment
        client = registry.get_client("web")
        assert client is not None
        assert client.valid_from == told


def test_made_up_ids_push_nobody_out() -> None:
    source = Source(new_client("web", "spring"))
    registry = Registry(source, Time().clock(), ttl=60, size=2)
    registry.get_client("web")
    for number in range(100):
        registry.get_client(f"made-up-{number}")
    source.asked.clear()
    registry.get_client("web")
    assert source.asked == []


def test_the_memory_is_bounded() -> None:
    clients = [new_client(str(number), "spring") for number in range(5)]
    source = Source(*clients)
    registry = Registry(source, Time().clock(), ttl=60, size=3)
    for client in clients:
        registry.get_client(client.id)
    source.asked.clear()
    for client in reversed(clients):
        registry.get_client(client.id)
    assert source.asked == ["1", "0"]
    assert CACHE_SIZE == 1000


def test_a_time_of_nought_is_no_memory() -> None:
    source = Source(new_client("web", "spring"))
    registry = Registry(source, Time().clock(), ttl=0)
    registry.get_client("web")
    registry.get_client("web")
    assert source.asked == ["web", "web"]


# --- proof -----------------------------------------------------------------------------------------------

WEB = new_client("web", "spring", "s3cret+%41 /é")
PUBLIC = new_client("public", "standard")


def disabled(client: Client) -> Client:
    return replace(client, disabled=True)


@pytest.mark.parametrize("secret", ["s3cret+%41 /é", "s3cret%2B%2541+%2F%C3%A9", "s3cret%2B%2541%20/%C3%A9"])
def test_the_right_secret_in_either_spelling(secret: str) -> None:
    """As it is, or form-encoded as RFC 6749 section 2.3.1 wants it."""
    assert authenticate(Source(WEB), Credentials("web", secret)) == WEB


@pytest.mark.parametrize(
    ("make", "client_id", "secret"),
    [
        (lambda: WEB, "web", "wrong"),
        (lambda: WEB, "web", ""),
        (lambda: WEB, "web", None),
        (lambda: WEB, "web", "S3CRET+%41 /É"),
        (lambda: WEB, "web", hash_secret("s3cret+%41 /é").hex()),
        (lambda: WEB, "Web", "s3cret+%41 /é"),
        (lambda: WEB, "", "s3cret+%41 /é"),
        (lambda: WEB, "nobody", None),
        (lambda: WEB, "w" * 5000, "x"),
        (lambda: disabled(WEB), "web", "s3cret+%41 /é"),
        (lambda: disabled(PUBLIC), "public", None),
    ],
)
def test_all_other_proof_is_refused_alike(make: Callable[[], Client], client_id: str, secret: str | None) -> None:
    with pytest.raises(LingpaiError) as refused:
        authenticate(Source(make()), Credentials(client_id, secret))
    error = refused.value
    assert (error.code, error.status, error.reason, error.values) == ("invalid_client", 401, "bad_client", {})


@pytest.mark.parametrize("secret", [None, "", "anything"])
def test_a_public_client_is_taken_by_its_word(secret: str | None) -> None:
    assert authenticate(Source(PUBLIC), Credentials("public", secret)) == PUBLIC


def test_credentials_do_not_show_the_secret() -> None:
    shown: Any = repr(Credentials("web", "the secret"))
    assert "the secret" not in shown
