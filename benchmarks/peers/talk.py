"""Asking a server over HTTP: one connection that is kept."""

import http.client

from benchmarks.peers.works import Request

PATIENCE = 30.0


class HttpTalk:
    """See `works.Talk`; to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connections = 0

    def send(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._connection.sock is None:
            self.connections += 1
        self._connection.request("POST", request.path, request.body, dict(request.headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
