"""`/users/list`: what is no page, and who sees none."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    ADMIN_ONLY,
    asks_for_token,
    gives,
    refuses,
    standing_api,
)
from tests.support.people import machine, somebody

BAD_CURSOR = "cursor 无效"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"limit": 0}, "参数 limit 应在 1 到 100 之间"),
        ({"limit": 101}, "参数 limit 应在 1 到 100 之间"),
        ({"limit": -1}, "参数 limit 应在 1 到 100 之间"),
        ({"limit": 10**30}, "参数 limit 应在 1 到 100 之间"),
        ({"limit": "0"}, "参数 limit 应在 1 到 100 之间"),
        ({"limit": 1.0}, "参数 limit 必须是整数"),
        ({"limit": True}, "参数 limit 必须是整数"),
        ({"limit": "ten"}, "参数 limit 必须是整数"),
        ({"limit": ""}, "参数 limit 必须是整数"),
        ({"limit": [1]}, "参数 limit 必须是整数"),
        ({"cursor": 5}, "参数 cursor 必须是文本"),
        ({"cursor": "x"}, BAD_CURSOR),
        ({"cursor": "alice"}, BAD_CURSOR),
        ({"cursor": "=========="}, BAD_CURSOR),
        ({"cursor": "光标光标光标"}, BAD_CURSOR),
        ({"cursor": base64.urlsafe_b64encode((0).to_bytes(7)).decode()}, BAD_CURSOR),
        ({"cursor": base64.urlsafe_b64encode((2**53).to_bytes(7)).decode()}, BAD_CURSOR),
        ({"cursor": base64.urlsafe_b64encode((5).to_bytes(8)).decode()}, BAD_CURSOR),
        ({"cursor": base64.urlsafe_b64encode((5).to_bytes(6)).decode()}, BAD_CURSOR),
        ({"cursor": "A" * 256}, "参数 cursor 不能超过 255 个字符"),
    ],
    ids=repr,
)
def test_a_page_that_is_not_there(api: Api, body: dict[str, Any], text: str) -> None:
    refuses(api.post("/users/list", json_body=body, bearer=api.admin()), 400, text)


def test_only_an_admin_lists(api: Api) -> None:
    asks_for_token(api.post("/users/list", json_body={}))
    refuses(api.post("/users/list", json_body={}, bearer=somebody(api, roles={2}).token), 403, ADMIN_ONLY)
    gives(api.post("/users/list", json_body={}, bearer=machine(api)))
