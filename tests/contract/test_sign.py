"""The port SignProvider, as `trusted` has it: the value is the id itself."""

import pytest

from lingpai.adapters.sign import trusted
from lingpai.errors import LingpaiError
from lingpai.model import Identity
from tests.support.samples import a_client


@pytest.mark.parametrize("sign", ["o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "a b", "爱:丽丝", "x" * 256], ids=len)
def test_the_value_is_the_id_in_the_app_of_the_client(sign: str) -> None:
    assert trusted.resolve(a_client(sign_app="mini"), sign) == Identity("trusted", "mini", sign)
    assert trusted.resolve(a_client(sign_app="default"), sign) == Identity("trusted", "default", sign)


@pytest.mark.parametrize("sign", ["x" * 257, "a\nb", "a\u200bb", "\ud800", "\x00"], ids=ascii)
def test_what_is_no_id_is_refused(sign: str) -> None:
    with pytest.raises(LingpaiError) as refused:
        trusted.resolve(a_client(), sign)
    error = refused.value
    assert (error.code, error.status, error.reason, error.values) == ("invalid_grant", 400, "bad_sign", {})


def test_a_public_client_is_not_trusted() -> None:
    """Anybody may claim to be it, and so to be anybody."""
    with pytest.raises(LingpaiError) as refused:
        trusted.resolve(a_client(secret_hash=None), "o-1")
    assert (refused.value.code, refused.value.reason) == ("unauthorized_client", "grant_not_allowed")


def test_the_id_is_not_shown() -> None:
    assert repr(trusted.resolve(a_client(), "o-1")) == "Identity(provider='trusted', app='mini-program')"
