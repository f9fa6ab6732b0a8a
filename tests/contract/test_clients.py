"""The protocol Clients: records put by the operator, read whole by the functions."""

from dataclasses import fields, replace
from functools import partial
from typing import Any

import pytest

from lingpai.clients.model import Client
from lingpai.clients.storage import ClientLookup
from lingpai.store import DynamoStore
from tests.support.races import RACERS, race
from tests.support.samples import WholeStore, a_client, hashed


def test_a_record_comes_back_whole(store: WholeStore) -> None:
    bare = a_client(
        id="bare",
        grants=frozenset(),
        scopes=(),
        secret_hash=None,
        token_format="opaque",
        roles=frozenset(),
        sign_provider=None,
        sign_app="default",
        api=None,
        introspect=False,
        claims=frozenset(),
        valid_from=0,
        codes_from=frozenset(),
        forwards_address=False,
    )
    disabled = a_client(id="客户 ☎", disabled=True)
    clients = (a_client(), bare, disabled)
    for client in clients:
        store.put_client(client)
    assert tuple(store.get_client(client.id) for client in clients) == clients
    assert store.get_client("Web") is None


def test_a_record_replaces_the_one_before_it(store: WholeStore) -> None:
    store.put_client(a_client(disabled=True))
    after = a_client(secret_hash=None, sign_provider=None, scopes=("other",))
    store.put_client(after)
    assert store.get_client("web") == after


def test_an_id_of_any_length_finds_nothing(store: WholeStore) -> None:
    """Whatever a request names as its client: the answer is None, not an error of the table."""
    for client_id in ("", "nobody", "x" * 2048, "x" * 2049, "龍" * 700):
        assert store.get_client(client_id) is None


def test_a_record_is_created_once(store: WholeStore) -> None:
    assert store.create_client(a_client())
    assert not store.create_client(a_client())
    assert not store.create_client(a_client(secret_hash=None, disabled=True))
    assert store.get_client("web") == a_client()


CHANGES: dict[str, Any] = {
    "dialect": "standard",
    "grants": frozenset({"password"}),
    "scopes": ("other",),
    "access_ttl": 1,
    "refresh_ttl": 2,
    "session_ttl": 3,
    "secret_hash": hashed("another"),
    "token_format": "opaque",
    "token_alg": "RS256",
    "roles": frozenset({"user"}),
    "sign_provider": "wechat",
    "sign_app": "other",
    "disabled": True,
    "api": "admin",
    "introspect": False,
    "claims": frozenset({"roles"}),
    "valid_from": 7,
    "codes_from": frozenset({"other"}),
    "forwards_address": False,
    "redirect_uris": ("https://other.example/",),
    "post_logout_redirect_uris": ("https://other.example/bye", "http://[::1]/"),
    "first_party": False,
    "name": "Other",
    "logo": "data:image/png;base64,AAAA",
    "colour": "#ffffff",
    "terms": "https://other.example/terms",
    "policy": "https://other.example/policy",
    "id_token_alg": "RS256",
    "resources": ("https://other.example/api",),
    "dpop_bound_access_tokens": False,
    "mfa": None,
    "backchannel_logout_uri": "https://other.example/logout",
    "backchannel_logout_session_required": False,
}
NOTHING: dict[str, Any] = {
    "grants": frozenset(),
    "scopes": (),
    "roles": frozenset(),
    "secret_hash": None,
    "api": None,
    "claims": frozenset(),
    "codes_from": frozenset(),
    "redirect_uris": (),
    "post_logout_redirect_uris": (),
    "name": None,
    "logo": None,
    "colour": None,
    "terms": None,
    "policy": None,
    "resources": (),
    "backchannel_logout_uri": None,
}


def test_each_field_can_be_changed(store: WholeStore) -> None:
    """One after the other, to another value, to none, and back from none; then all at once."""
    assert {"id", *CHANGES} == {field.name for field in fields(Client)}
    now = a_client()
    store.put_client(now)
    for changes in (
        *({name: value} for name, value in CHANGES.items()),
        *({name: value} for name, value in NOTHING.items()),
        {"disabled": False},
        CHANGES,
    ):
        after = replace(now, **changes)
        assert store.change_client(now, after)
        assert store.get_client("web") == after
        now = after


def test_a_change_loses_no_other_ones(store: WholeStore) -> None:
    """Fields that it leaves alone stay as somebody else has set them; one that it would overwrite refuses it."""
    before = a_client()
    store.put_client(before)
    assert store.change_client(before, a_client(disabled=True))
    assert store.change_client(before, a_client(secret_hash=hashed("new")))
    now = a_client(disabled=True, secret_hash=hashed("new"))
    assert store.get_client("web") == now
    for stale in (a_client(secret_hash=hashed("newer")), a_client(secret_hash=hashed("new"), scopes=())):
        assert not store.change_client(before, stale)
    assert not store.change_client(replace(before, secret_hash=None), a_client())
    assert store.get_client("web") == now


@pytest.mark.parametrize("field", CHANGES)
def test_fields_that_a_change_depends_on_refuse_it(store: WholeStore, field: str) -> None:
    """Each that somebody else has set to another value, to none, or from none, though the change leaves it alone."""
    another = {"disabled": True} if field != "disabled" else {"scopes": ("other",)}
    for before, now in (
        (a_client(), replace(a_client(), **{field: CHANGES[field]})),
        (replace(a_client(), **{field: CHANGES[field]}), a_client()),
    ):
        store.put_client(now)
        assert not store.change_client(before, replace(before, **another), depends_on=(field,))
        assert store.get_client("web") == now
        assert store.change_client(now, replace(now, **another), depends_on=(field,))
        assert store.get_client("web") == replace(now, **another)


def test_a_record_that_is_not_there_is_not_changed(store: WholeStore) -> None:
    for after in (a_client(disabled=True), a_client()):
        assert not store.change_client(a_client(), after)
    assert store.list_clients() == ()
    store.put_client(a_client())
    assert store.change_client(a_client(), a_client())


def test_all_records_are_listed(store: WholeStore) -> None:
    """However many megabytes they are: a page of a scan holds one."""
    clients = {a_client(id=f"client-{number}", scopes=("x" * 300_000,)) for number in range(5)}
    for client in clients:
        store.put_client(client)
    listed = store.list_clients()
    assert len(listed) == len(clients)
    assert set(listed) == clients


def test_of_many_creations_one_wins(reference: DynamoStore) -> None:
    """And it is the winner's record that is there: no caller was told of a secret that is not good."""
    wanted = [a_client(secret_hash=hashed(str(number))) for number in range(RACERS)]
    outcomes = race([partial(reference.create_client, client) for client in wanted])
    assert sorted(map(bool, outcomes)) == [False] * (RACERS - 1) + [True]
    assert reference.get_client("web") == wanted[outcomes.index(True)]


def test_of_many_new_secrets_one_wins(reference: DynamoStore) -> None:
    """While another field is changed as often, which is in nobody's way."""
    before = a_client()
    reference.put_client(before)
    wanted = [a_client(secret_hash=hashed(str(number))) for number in range(RACERS)]
    calls = [partial(reference.change_client, before, client) for client in wanted]
    outcomes = race([*calls, partial(reference.change_client, before, a_client(scopes=("new",)))])
    assert outcomes.pop() is True
    assert sorted(map(bool, outcomes)) == [False] * (RACERS - 1) + [True]
    winner = wanted[outcomes.index(True)]
    assert reference.get_client("web") == replace(winner, scopes=("new",))


@pytest.mark.security("F10")
def test_the_deployments_valid_from_is_read_with_a_record(store: WholeStore) -> None:
    """It is later with each move, and no client's record."""
    store.put_client(a_client())
    assert store.look_up_client("web") == ClientLookup(a_client(), 0)
    assert store.get_valid_from() == 0
    for given, kept in ((7, 7), (5, 7), (7, 7), (8, 8)):
        store.move_valid_from(given)
        assert store.look_up_client("web") == ClientLookup(a_client(), kept)
        assert store.get_valid_from() == kept
    assert store.list_clients() == (a_client(),)
    assert store.get_client("lingpai:deployment") is None
    for client_id in ("", "nobody", "lingpai:deployment", "x" * 2049):
        assert store.look_up_client(client_id).client is None


def test_pages_of_clients(store: WholeStore) -> None:
    """Pages go through all records once, and through nothing else: the deployment's record is none."""
    ids = {f"client-{number}" for number in range(7)}
    for client_id in ids:
        store.put_client(replace(a_client(), id=client_id))
    store.move_valid_from(5)
    seen: list[str] = []
    after: str | None = None
    pages = 0
    while True:
        page = store.page_clients(3, after)
        seen += [client.id for client in page.clients]
        after, pages = page.next, pages + 1
        assert len(page.clients) <= 3
        if after is None:
            break
    assert (sorted(seen), pages >= 3) == (sorted(ids), True)
