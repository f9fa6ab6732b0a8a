"""Name look-up with a time-out, which the system's own has not, and connecting."""

import socket
from typing import Any

from lingpai.kernel import deadline

# Family, kind, protocol, canonical name and address, as `getaddrinfo` gives them.
Address = tuple[Any, Any, int, str, Any]


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses of `host`, in the order to try them; TimeoutError when `seconds` have passed.

    What the system's look-up raises comes as it is: OSError, and UnicodeError for what can be no name.
    """
    try:
        return deadline.call_within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise TimeoutError("name not resolved in time") from None


def connect(address: Address, seconds: float) -> socket.socket:
    """A TCP connection to one of the addresses, whose time-out stays `seconds`.

    OSError where there is none: also where the system has not the address's family, and the next may be of another.
    """
    family, kind, protocol, _, where = address
    connected = socket.socket(family, kind, protocol)
    try:
        connected.settimeout(seconds)
        connected.connect(where)
    except OSError:
        connected.close()
        raise
    return connected
