"""Scopes (RFC 6749 section 3.3): read from a request, held against what the client may have."""

import pytest

from lingpai.clients import scopes
from lingpai.clients.service import new_client
from lingpai.kernel.errors import LingpaiError

CLIENT = new_client("web", "spring", scopes=("read", "write", "groups"))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (None, None),
        ("", None),
        ("   ", None),
        ("read", ("read",)),
        ("write read", ("write", "read")),
        ("read  write ", ("read", "write")),
        ("read read", ("read",)),
        ("urn:x:y https://example.com/a !#[]~", ("urn:x:y", "https://example.com/a", "!#[]~")),
    ],
)
def test_tokens_in_their_order_each_once(text: str | None, tokens: tuple[str, ...] | None) -> None:
    assert scopes.requested(text) == tokens


@pytest.mark.parametrize("text", ['re"ad', "re\\ad", "réad", "读", "re\x7fad", "re\x00ad", '"', "read \\"])
def test_what_no_scope_may_hold(text: str) -> None:
    with pytest.raises(LingpaiError) as refused:
        scopes.requested(text)
    assert (refused.value.code, refused.value.status) == ("invalid_scope", 400)


def test_without_a_wish_a_client_gets_all_it_may_have() -> None:
    assert scopes.granted(CLIENT, None) == ("read", "write", "groups")
    assert scopes.granted(new_client("bare", "spring"), None) == ()


@pytest.mark.parametrize("asked", [("read",), ("groups", "read"), ("write", "read", "groups")])
def test_a_client_gets_what_it_asks_for(asked: tuple[str, ...]) -> None:
    assert scopes.granted(CLIENT, asked) == asked


@pytest.mark.parametrize("asked", [("admin",), ("read", "admin"), ("READ",), ("rea",)])
def test_and_nothing_that_it_may_not_have(asked: tuple[str, ...]) -> None:
    with pytest.raises(LingpaiError) as refused:
        scopes.granted(CLIENT, asked)
    assert refused.value.code == "invalid_scope"
