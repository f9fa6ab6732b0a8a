"""Where a host is, within a time: the system's look-up of a name has no time-out of its own."""

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
