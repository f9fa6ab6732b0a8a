"""One call over HTTPS, told by how far it came: whether the request can have arrived at all.

Each call has a connection of its own. One that was kept open may be cut by the other side at any time, and then
nobody could say whether the request was read.
"""

import os
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from lingpai.kernel import deadline
from lingpai.outbound.connections import Answer, Connection, Lost, Unreached, connect, machine_context

__all__ = ["LARGEST_ANSWER", "Answer", "Https", "Lost", "Unreached"]

# No vendor's answer comes near it; what is longer is not read.
LARGEST_ANSWER = 256 * 1024


class Https:
    """Calls web services. Certificates are verified against the machine's store (or `SSL_CERT_FILE`).

    `connect_timeout` (seconds) is for name, connection and TLS handshake together, `answer_timeout` for all that
    follows, to the answer's last byte; both end with the request (`lingpai.kernel.deadline`). No call is repeated, and
    redirects are answers. `admit` says which IP addresses may be connected to; without it, all may.
    """

    def __init__(
        self, connect_timeout: float, answer_timeout: float, admit: Callable[[str], bool] | None = None
    ) -> None:
        self._connect_timeout = connect_timeout
        self._answer_timeout = answer_timeout
        self._admit = admit

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The response of the service; Unreached or Lost without one."""
        return self._call("POST", url, headers, body, LARGEST_ANSWER)

    def get(self, url: str, headers: Mapping[str, str], largest: int) -> Answer:
        """As `post`, for an answer of at most so many bytes."""
        return self._call("GET", url, headers, None, largest)

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, largest: int) -> Answer:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Accept-Encoding": "identity", **headers, "Connection": "close"}
        if "host" not in map(str.lower, headers):
            sent["Host"] = parts.netloc.rpartition("@")[2]
        context = machine_context(os.environ.get("SSL_CERT_FILE")) if parts.scheme == "https" else None
        connected = connect(url, context, self._connect_timeout, _until(self._connect_timeout), self._admit)
        connection = Connection(connected, self._answer_timeout)
        try:
            return connection.exchange(method, target, sent, body, _until(self._answer_timeout), largest)
        finally:
            connection.hang_up()


def _until(seconds: float) -> float:
    """When so many seconds have passed, or the request's deadline; Unreached where that has, since nothing is sent."""
    left = deadline.left_of(seconds)
    if left <= 0:
        raise Unreached("no time left")
    return time.monotonic() + left
