"""Which IP addresses are public: what an address that somebody else chose may lead to.

A request to any other one would reach what only this function can: its own machine, the network around it, and the
services that give out credentials at link-local addresses.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

# Reachable from everywhere, says IANA, yet no host of the internet: the relay of 6to4, and Azure's own service.
_REFUSED_IPV4 = (IPv4Network("192.88.99.0/24"), IPv4Network("168.63.129.16/32"))
# All global unicast addresses (RFC 4291 section 2.4). Beside it are loopback, link-local, unique local, multicast and
# unspecified addresses, those that hold an IPv4 address (::ffff:0:0/96), and NAT64 (64:ff9b::/96).
_UNICAST_IPV6 = IPv6Network("2000::/3")
# Of these: those that hold an IPv4 address, of Teredo and 6to4.
_REFUSED_IPV6 = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))


def is_public(text: str) -> bool:
    """Whether the address is that of a host in the internet; False for a text that is no address."""
    try:
        return _is_public_ipv6(IPv6Address(text)) if ":" in text else _is_public_ipv4(IPv4Address(text))
    except AddressValueError:
        return False


def is_loopback(text: str) -> bool:
    """Whether the address is this machine's own; False for a text that is no address."""
    try:
        return (IPv6Address(text) if ":" in text else IPv4Address(text)).is_loopback
    except AddressValueError:
        return False


def _is_public_ipv4(address: IPv4Address) -> bool:
    # `is_global` is false of 100.64.0.0/10, which carriers share.
    return address.is_global and not address.is_multicast and not any(address in each for each in _REFUSED_IPV4)


def _is_public_ipv6(address: IPv6Address) -> bool:
    is_refused = any(address in each for each in _REFUSED_IPV6)
    return address in _UNICAST_IPV6 and address.is_global and not is_refused
