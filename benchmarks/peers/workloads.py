"""The workloads: what is asked in each, and how many milliseconds of processor time an answer takes.

A peer has paths and parameters of its own; the work is the same. What a workload needs first (tokens to check, refresh
tokens) is got outside of what is counted.
"""

import base64
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

OPAQUE, ES256, RS256, CHECK, REFRESH = "opaque", "es256", "rs256", "check", "refresh"
WORKLOADS: Mapping[str, str] = {
    OPAQUE: "Client credentials, opaque token",
    ES256: "Client credentials, JWT by ES256",
    RS256: "Client credentials, JWT by RS256",
    CHECK: "Introspection of an opaque token",
    REFRESH: "Refresh with rotation",
}
# As many tokens are checked, and as many sessions refreshed, in turn.
TOKENS = 20


@dataclass(frozen=True)
class Request:
    """A POST of a form."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Client(Protocol):
    """How a server is asked."""

    def send(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer."""
        ...


@dataclass(frozen=True)
class Calls:
    """How a server is asked for each workload. `clients` are their ids by workload; all have one secret.

    `more` are parameters that a workload takes besides.
    """

    token_path: str
    check_path: str
    clients: Mapping[str, str]
    secret: str = field(repr=False)
    scope: str = "read"
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def issue(self, workload: str) -> Request:
        """Client credentials (RFC 6749 section 4.4.2)."""
        form = {"grant_type": "client_credentials", "scope": self.scope, **self.more.get(workload, {})}
        return self._request(self.token_path, workload, form)

    def check(self, token: str) -> Request:
        """Introspection (RFC 7662 section 2.1)."""
        return self._request(self.check_path, OPAQUE, {"token": token})

    def refresh(self, token: str) -> Request:
        """A refresh (RFC 6749 section 6)."""
        return self._request(self.token_path, REFRESH, {"grant_type": "refresh_token", "refresh_token": token})

    def _request(self, path: str, workload: str, form: Mapping[str, str]) -> Request:
        basic = base64.b64encode(f"{self.clients[workload]}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        return Request(path, headers, urllib.parse.urlencode(form).encode())


class WrongAnswerError(Exception):
    """A server did not do its work. The text names the status and the members of the answer, nothing secret."""


def measure(
    client: Client, calls: Calls, workload: str, count: int, sessions: list[str], cpu: Callable[[], float]
) -> float:
    """Milliseconds of processor time of one answer: the mean of `count` of them.

    `cpu` tells the seconds that were spent until now; `sessions` are refresh tokens, which a refresh replaces.
    """
    if workload == REFRESH:
        begun = cpu()
        for index in range(count):
            place = index % min(TOKENS, len(sessions))
            given = _answer(client, calls.refresh(sessions[place]), "access_token", "refresh_token")
            if given["refresh_token"] == sessions[place]:
                raise WrongAnswerError("a refresh token was not rotated")
            sessions[place] = given["refresh_token"]
        return (cpu() - begun) * 1000 / count
    if workload == CHECK:
        tokens = [
            _answer(client, calls.issue(OPAQUE), "access_token")["access_token"] for _ in range(min(TOKENS, count))
        ]
        requests = [calls.check(token) for token in tokens]
        wanted = "active"
    else:
        requests, wanted = [calls.issue(workload)], "access_token"
    begun = cpu()
    for index in range(count):
        given = _answer(client, requests[index % len(requests)], wanted)
        _require(workload, given)
    return (cpu() - begun) * 1000 / count


def _answer(client: Client, request: Request, *wanted: str) -> dict[str, Any]:
    status, body = client.send(request)
    given: Any = json.loads(body) if body[:1] == b"{" else {}
    if status != 200 or any(name not in given for name in wanted):
        raise WrongAnswerError(f"{request.path}: {status}, {given.get('error', sorted(given))}")
    return dict(given)


def _require(workload: str, given: Mapping[str, Any]) -> None:
    """WrongAnswerError for a token of another form, or one that is not good."""
    if workload == CHECK:
        if given["active"] is not True:
            raise WrongAnswerError("a token that is good was said to be none")
        return
    header, _, rest = given["access_token"].partition(".")
    signed = rest.count(".") == 1
    algorithm = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"] if signed else OPAQUE
    if algorithm.lower() != workload:
        raise WrongAnswerError(f"asked for {workload}, got {algorithm}")
