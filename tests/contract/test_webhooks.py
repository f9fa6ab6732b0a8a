"""The protocol Webhooks: a few records, written by the operator, and switched off by what a receiver answers."""

from dataclasses import fields, replace
from functools import partial
from typing import Any

from lingpai.store import DynamoStore
from lingpai.webhooks.model import Webhook
from tests.support.races import RACERS, race
from tests.support.samples import WholeStore

FULL = Webhook(
    id="wh_1",
    url="https://receiver.example/hook?token=1",
    types=("user.*", "session.ended"),
    secret=b"wrapped",
    created_at=1_767_600_000,
    previous_secret=b"wrapped before",
    previous_until=1_767_686_400,
    disabled="gone",
    disabled_at=1_767_600_001,
)
BARE = Webhook(id="wh_2", url="https://other.example/", types=("*",), secret=b"\0", created_at=1)
CHANGES: dict[str, Any] = {
    "url": "https://receiver.example/other",
    "types": ("*",),
    "secret": b"another",
    "created_at": 2,
    "previous_secret": None,
    "previous_until": 0,
    "disabled": None,
    "disabled_at": 0,
}


def test_a_webhook_comes_back_whole(store: WholeStore) -> None:
    assert store.list_webhooks() == ()
    for webhook in (FULL, BARE):
        assert store.create_webhook(webhook)
    assert (store.get_webhook("wh_1"), store.get_webhook("wh_2")) == (FULL, BARE)
    assert sorted(store.list_webhooks(), key=lambda webhook: webhook.id) == [FULL, BARE]
    for unknown in ("", "wh_3", "WH_1", "x" * 3000):
        assert store.get_webhook(unknown) is None


def test_a_webhook_is_created_once(store: WholeStore) -> None:
    assert store.create_webhook(FULL)
    assert not store.create_webhook(FULL)
    assert not store.create_webhook(replace(BARE, id="wh_1"))
    assert store.list_webhooks() == (FULL,)


def test_each_field_can_be_changed(store: WholeStore) -> None:
    """To another value, to none, and back."""
    assert {"id", *CHANGES} == {field.name for field in fields(Webhook)}
    store.create_webhook(FULL)
    for name, value in CHANGES.items():
        after = replace(FULL, **{name: value})
        assert store.change_webhook(FULL, after)
        assert store.get_webhook("wh_1") == after
        assert store.change_webhook(after, FULL)
        assert store.get_webhook("wh_1") == FULL


def test_a_change_loses_no_other_ones(store: WholeStore) -> None:
    store.create_webhook(BARE)
    assert store.change_webhook(BARE, replace(BARE, url="https://new.example/"))
    assert store.change_webhook(BARE, replace(BARE, disabled="gone", disabled_at=5))
    now = replace(BARE, url="https://new.example/", disabled="gone", disabled_at=5)
    assert store.get_webhook("wh_2") == now
    assert not store.change_webhook(BARE, replace(BARE, disabled="operator", disabled_at=6))
    assert store.get_webhook("wh_2") == now


def test_what_is_deleted_is_gone(store: WholeStore) -> None:
    assert not store.delete_webhook("wh_2")
    store.create_webhook(BARE)
    store.create_webhook(FULL)
    assert store.delete_webhook("wh_2")
    assert not store.delete_webhook("wh_2")
    assert not store.change_webhook(BARE, replace(BARE, url="https://new.example/"))
    assert not store.change_webhook(BARE, BARE)
    assert store.list_webhooks() == (FULL,)
    assert store.create_webhook(BARE), "it may be made anew"


def test_of_changes_at_once_one_wins(reference: DynamoStore) -> None:
    """Each gives the webhook another secret: one is stored, and whoever did not store it is told so."""
    reference.create_webhook(BARE)
    after = [replace(BARE, secret=bytes([number])) for number in range(1, RACERS + 1)]
    outcomes = race([partial(reference.change_webhook, BARE, each) for each in after])
    assert (outcomes.count(True), outcomes.count(False)) == (1, RACERS - 1)
    assert reference.get_webhook("wh_2") == after[outcomes.index(True)]


def test_it_is_made_once(reference: DynamoStore) -> None:
    outcomes = race([partial(reference.create_webhook, BARE)] * RACERS)
    assert (outcomes.count(True), outcomes.count(False)) == (1, RACERS - 1)
