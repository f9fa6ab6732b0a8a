"""What events tell of names, numbers and addresses: never enough to use them."""

import pytest

from lingpai.events import masking


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+8613800138000", "138****8000"),
        ("+12025550134", "+1202****34"),
        ("+85251234567", "+8525****67"),
        # Countries with short numbers: Saint Helena, the Cook Islands, Niue.
        ("+29022158", "+29****58"),
        ("+68221234", "+68****34"),
        ("+6834001", "+6****01"),
    ],
)
def test_numbers(number: str, masked: str) -> None:
    """At least four digits are not told, whatever the length."""
    assert masking.mobile(number) == masked
    assert len(number.removeprefix("+86")) - len(masked.replace("*", "").removeprefix("+86")) >= 4


@pytest.mark.parametrize(
    ("address", "masked"), [("mei@example.com", "m***@example.com"), ('"a@b"@example.com', '"***@example.com')]
)
def test_addresses(address: str, masked: str) -> None:
    assert masking.email(address) == masked


def test_names() -> None:
    assert (masking.username("zhangmei"), masking.username("梅")) == ("z***", "梅***")
    assert masking.openid("wechat:wx1", "oAbCdEfG") == "wechat:wx1:oAbC***"
    assert masking.openid("trusted:default", "7") == "trusted:default:***"
