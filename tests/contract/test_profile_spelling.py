"""Profiles in UTF-8, and those written before, with escapes: each is changed on condition that it is as it was."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.dynamodb import deserialize_user, serialize_user
from lingpai.accounts.model import Profile, User
from lingpai.accounts.storage import ChangeUser, DeleteUser, PutUser
from lingpai.kernel.writes import Conflict
from lingpai.store import DynamoStore
from tests.support.samples import NOW, a_user

pytestmark = pytest.mark.security("F37")

OPENIDS = (("trusted:default", "王-1"),)
USER = a_user(profile=Profile(name="王小明 🏠", address="广州市"), openids=OPENIDS)


@pytest.fixture(params=["as before", "in UTF-8"])
def stored(request: pytest.FixtureRequest, reference: DynamoStore) -> DynamoStore:
    """The store with USER, spelled as it was until now or as it is now."""
    if request.param == "in UTF-8":
        reference.commit(PutUser(USER))
    else:
        put_as_before(reference, USER)
    return reference


def put_as_before(store: DynamoStore, user: User) -> None:
    """Store the account with what is not ASCII escaped."""
    item = serialize_user(user).serialize()
    item["detail"] = {"S": json.dumps(json.loads(item["detail"]["S"]))}
    item["openids"] = {"S": json.dumps([list(pair) for pair in user.openids])}
    assert "\\u738b" in item["detail"]["S"] + item["openids"]["S"]
    store.call("PutItem", TableName=store.settings.users_table, Item=item)


def text_of(store: DynamoStore) -> str:
    item = store.call("GetItem", TableName=store.settings.users_table, Key={"id": {"N": "1"}})["Item"]
    text: str = item["detail"]["S"]
    return text


def test_either_spelling_is_read_and_changed_into_utf_8(stored: DynamoStore) -> None:
    assert stored.get_user(1) == USER
    after = replace(USER, profile=replace(USER.profile, nation="汉"))
    stored.commit(ChangeUser(USER, after))
    assert stored.get_user(1) == after
    assert text_of(stored) == '{"name": "王小明 🏠", "addr": "广州市", "nation": "汉"}'
    stored.commit(ChangeUser(after, USER))
    assert stored.get_user(1) == USER


def test_a_change_of_what_has_changed_meanwhile_is_refused(stored: DynamoStore) -> None:
    """In either spelling, and where only the identities are other ones."""
    for earlier in (
        replace(USER, profile=replace(USER.profile, name="王小明")),
        replace(USER, profile=replace(USER.profile, address=None)),
    ):
        with pytest.raises(Conflict):
            stored.commit(ChangeUser(earlier, replace(earlier, profile=Profile(name="new"))))
    earlier = replace(USER, openids=(("trusted:default", "王-2"),))
    with pytest.raises(Conflict):
        stored.commit(ChangeUser(earlier, replace(earlier, openids=())))
    with pytest.raises(Conflict):
        stored.commit(DeleteUser(earlier))
    assert stored.get_user(1) == USER


def test_identities_are_changed_and_accounts_deleted(stored: DynamoStore) -> None:
    after = replace(USER, openids=(*OPENIDS, ("wechat:wx1", "o-2")))
    stored.commit(ChangeUser(USER, after))
    assert stored.get_user(1) == after
    stored.commit(DeleteUser(after))
    assert stored.get_user(1) is None


def test_a_profile_put_back_as_it_was_before(stored: DynamoStore) -> None:
    """What an update writes is UTF-8, whichever spelling the next one meets."""
    put_as_before(stored, USER)
    stored.commit(ChangeUser(USER, replace(USER, profile=Profile())))
    user = stored.get_user(1)
    assert user is not None
    assert user.profile == Profile()


def test_items_keep_the_names_that_they_were_written_with() -> None:
    """A change expects the stored text, so the names and their order are a part of the format."""
    item = serialize_user(a_user()).serialize()
    assert item["detail"]["S"] == (
        '{"name": "爱丽丝", "age": "30", "phone": "123456789", "gender": "f", "addr": "", '
        '"createTime": "2026-01-05 08:00:00", "nation": "CN", "instruction": "line one\\nline two", '
        '"images": "https://example.com/a.png", "birthday": "1996-01-05"}'
    )
    assert deserialize_user(item) == a_user()


# --- what it costs ------------------------------------------------------------------------------------------------


def units(store: DynamoStore, monkeypatch: pytest.MonkeyPatch, *writes: Any) -> float:
    """The write units that the commit consumes."""
    consumed: list[float] = []
    real = store.client.call

    def call(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = real(operation, {**arguments, "ReturnConsumedCapacity": "TOTAL"})
        told = answer["ConsumedCapacity"]
        consumed.extend(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(store.client, "call", call)
        store.commit(*writes)
    return sum(consumed)


@pytest.mark.parametrize(
    ("profile", "most"),
    [
        # A profile as people write it: an eighth of what follows.
        (Profile(name="王小明", address="广州市天河区" * 5, nation="汉", introduction="令牌" * 100), 2),
        # All fields at their longest: 76 units where each character was six bytes.
        (
            Profile(
                name="王" * 64,
                age="岁" * 16,
                phone_number="号" * 32,
                gender="女" * 16,
                address="州" * 255,
                nation="汉" * 64,
                introduction="令" * 2000,
                picture="图" * 4000,
            ),
            40,
        ),
    ],
    ids=["ordinary", "longest"],
)
def test_a_change_costs_two_units_for_each_kilobyte_of_utf_8(
    reference: DynamoStore, monkeypatch: pytest.MonkeyPatch, profile: Profile, most: int
) -> None:
    """A transaction's write is two units for each KB of the item; escaped, a profile is twice as long."""
    user = User(id=1, created_at=NOW, username="mei", profile=profile)
    reference.commit(PutUser(user))
    changed = replace(user, profile=replace(profile, gender="男"))
    consumed = units(reference, monkeypatch, ChangeUser(user, changed))
    size = len(serialize_user(changed).serialize()["detail"]["S"].encode())
    assert 2 * math.ceil(size / 1024) <= consumed <= 2 * math.ceil((size + 100) / 1024)
    assert consumed <= most
