"""Where a host is, within a time, and a connection there: the system's look-up of a name has no time-out of its own."""

import socket
import threading
from typing import Any

# Family, kind, protocol, canonical name and address, as `getaddrinfo` gives them.
Address = tuple[Any, Any, int, str, Any]


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses of `host`, in the order to try them; TimeoutError when `seconds` have passed.

    What the system's look-up raises comes as it is: OSError, and UnicodeError for what can be no name. It runs beside
    the caller, and is left to itself where it takes too long.
    """
    found: list[list[Address] | OSError | UnicodeError] = []

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not found:
        raise TimeoutError("name not resolved in time")
    answer = found[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


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
