"""Which addresses may be called that somebody else chose."""

import ipaddress

import pytest

from lingpai.outbound.public_addresses import is_loopback, is_public

PUBLIC = ("8.8.8.8", "93.184.215.14", "114.114.114.114", "100.63.255.255", "100.128.0.0", "2606:2800:21f::1", "240e::1")
REFUSED = {
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "link-local": ("169.254.0.1", "fe80::1", "fe80::1%eth0", "fec0::1"),
    "of carriers": ("100.64.0.0", "100.100.100.200", "100.127.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1"),
    "broadcast and reserved": ("255.255.255.255", "240.0.0.1", "192.0.0.1", "4000::1"),
    "for documents and tests": ("192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"),
    "IPv4 in IPv6": (
        "::ffff:8.8.8.8",
        "::ffff:10.0.0.1",
        "::8.8.8.8",
        "::ffff:0:8.8.8.8",
        "2002:808:808::1",
        "2001::1",
    ),
    "NAT64": ("64:ff9b::808:808", "64:ff9b::a00:1", "64:ff9b:1::1"),
    "metadata": ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"),
    "relay of 6to4": ("192.88.99.1",),
    "no address": ("", "localhost", "8.8.8", "08.8.8.8", "0x8.8.8.8", "134744072", "8.8.8.8 ", "[::1]", "8.8.8.8:443"),
}


@pytest.mark.security("HOOK-ssrf")
@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.security("HOOK-ssrf")
@pytest.mark.parametrize(("kind", "address"), [(kind, each) for kind, some in REFUSED.items() for each in some])
def test_no_other_address_is(kind: str, address: str) -> None:
    assert not is_public(address)


@pytest.mark.security("HOOK-ssrf")
def test_no_address_is_public_that_python_takes_for_another() -> None:
    """A sample of all addresses: whatever is public here is global, and none of the other kinds."""
    for number in range(0, 2**32, 2**17 - 1):
        address = ipaddress.IPv4Address(number)
        if is_public(str(address)):
            assert address.is_global
            kinds = ("private", "multicast", "link_local", "loopback", "reserved", "unspecified")
            assert [kind for kind in kinds if getattr(address, f"is_{kind}")] == []


def test_what_is_loopback() -> None:
    assert [
        each for each in ("127.0.0.1", "127.1.2.3", "::1", "10.0.0.1", "::2", "localhost") if is_loopback(each)
    ] == [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
    ]
