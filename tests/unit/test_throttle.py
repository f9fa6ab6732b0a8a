"""The limit of an address: what it counts, and in which counter."""

import pytest

from lingpai.rate_limits.service import Limit, address_limit
from lingpai.settings import Settings

NOW = 3600


def limits_of(per_address: int, per_network: int) -> Settings:
    return Settings(limit_sms_ip=per_address, limit_sms_net=per_network)


def keys(*addresses: str, per_network: int) -> set[str]:
    limits = [address_limit(limits_of(3, per_network), "sms", address, NOW) for address in addresses]
    return {limit.key for limit in limits if limit is not None}


@pytest.mark.parametrize(
    ("address", "network", "count"),
    [
        ("203.0.113.9", "203.0.113.0/24", "cb007109"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "20010db8000100020003000000000004"),
    ],
)
def test_an_address_and_its_network_are_one_counter(address: str, network: str, count: str) -> None:
    assert address_limit(limits_of(3, 9), "sms", address, NOW + 5) == Limit(
        f"sms:{network}:3600:3600", {"all": 9, count: 3}, 7200, 10800
    )


@pytest.mark.parametrize("addresses", [("203.0.113.9", "203.0.113.8"), ("2001:db8::1", "2001:db8::2")], ids=str)
def test_without_a_limit_for_networks_no_counter_is_shared(addresses: tuple[str, str]) -> None:
    """A /64 has more addresses than an item has room for."""
    assert len(keys(*addresses, per_network=9)) == 1
    assert len(keys(*addresses, per_network=0)) == 2


def test_nothing_is_counted_where_both_are_off() -> None:
    assert address_limit(limits_of(0, 0), "sms", "203.0.113.9", NOW) is None
