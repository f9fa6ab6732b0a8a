"""`/users/list`: all users for an admin, page by page."""

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    gives,
    succeeds,
)
from tests.support.people import somebody


def pages(api: Api, limit: Any) -> list[list[dict[str, Any]]]:
    admin, cursor, seen = api.admin(), None, []
    for _ in range(100):
        page = gives(api.post("/users/list", json_body={"limit": limit, "cursor": cursor}, bearer=admin))
        assert list(page) == ["items", "cursor"]
        seen.append(page["items"])
        cursor = page["cursor"]
        if cursor is None:
            return seen
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 3, "4", 7, 100])
def test_pages_show_everybody_once(api: Api, limit: Any) -> None:
    people = [somebody(api, number=index % 2 == 0, roles={2} if index % 3 == 0 else ()) for index in range(5)]
    seen = pages(api, limit)
    items = [item for page in seen for item in page]
    assert len(items) == 8
    assert {item["id"] for item in items} == {person.id for person in people} | {
        api.user_id(name) for name in ("admin", "alice", "bob")
    }
    assert all(len(page) <= int(limit) for page in seen)
    for item in items:
        succeeds(api.post("/users/find", json_body={"id": item["id"]}, bearer=api.admin()), item)


def test_a_page_has_twenty_unless_asked_otherwise(api: Api) -> None:
    for _ in range(20):
        somebody(api)
    for body in ({}, {"limit": None, "cursor": None}, {"cursor": ""}):
        page = gives(api.post("/users/list", json_body=body, bearer=api.admin()))
        assert len(page["items"]) == 20
        rest = gives(api.post("/users/list", json_body={"cursor": page["cursor"]}, bearer=api.admin()))
        assert len(rest["items"]) == 3
        assert rest["cursor"] is None


def test_a_page_follows_on_one_whose_last_user_is_gone(api: Api) -> None:
    for _ in range(6):
        somebody(api)
    page = gives(api.post("/users/list", json_body={"limit": 4}, bearer=api.admin()))
    gone = next(item for item in reversed(page["items"]) if item["username"] != "admin")
    succeeds(api.post("/users/delete", json_body={"id": gone["id"]}, bearer=api.admin()))
    body = {"limit": 100, "cursor": page["cursor"]}
    rest = gives(api.post("/users/list", json_body=body, bearer=api.admin()))
    assert len({item["id"] for item in page["items"] + rest["items"]}) == 9
