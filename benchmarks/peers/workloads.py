"""The workloads: what is asked in each, and how many milliseconds of processor time an answer takes.

A server has paths and parameters of its own; the work is the same. What a workload needs first (tokens to check,
refresh tokens) is got outside of what is counted.
"""

import base64
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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


# Sends a request, and gives the status and the body of the answer.
type Send = Callable[[Request], tuple[int, bytes]]


@dataclass(frozen=True)
class Calls:
    """How a server is asked for each workload. `clients` are their ids by workload; all have one secret.

    `more` are parameters that a workload takes besides.
    """

    token_path: str
    check_path: str
    clients: Mapping[str, str]
    secret: str = field(repr=False)
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def issue(self, workload: str) -> Request:
        """Client credentials (RFC 6749 section 4.4.2)."""
        form = {"grant_type": "client_credentials", "scope": "read", **self.more.get(workload, {})}
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
    send: Send, calls: Calls, workload: str, count: int, sessions: list[str], cpu: Callable[[], float]
) -> float:
    """Milliseconds of processor time of one answer: the mean of `count` of them.

    `cpu` tells the seconds that were spent until now; `sessions` are refresh tokens, which a refresh replaces.
    """
    if workload == CHECK:
        tokens = [_answer(send, calls.issue(OPAQUE), "access_token")["access_token"] for _ in range(min(TOKENS, count))]
        requests = [calls.check(token) for token in tokens]
    else:
        requests = [calls.issue(workload)] if workload != REFRESH else []
    begun = cpu()
    for index in range(count):
        if workload == REFRESH:
            place = index % min(TOKENS, len(sessions))
            given = _answer(send, calls.refresh(sessions[place]), "access_token", "refresh_token")
            if given["refresh_token"] == sessions[place]:
                raise WrongAnswerError("a refresh token was not rotated")
            sessions[place] = given["refresh_token"]
        elif workload == CHECK:
            if _answer(send, requests[index % len(requests)], "active")["active"] is not True:
                raise WrongAnswerError("a token that is good was said to be none")
        else:
            _require_form(workload, _answer(send, requests[0], "access_token")["access_token"])
    return (cpu() - begun) * 1000 / count


def _answer(send: Send, request: Request, *wanted: str) -> dict[str, Any]:
    status, body = send(request)
    given: Any = json.loads(body) if body[:1] == b"{" else {}
    if status != 200 or any(name not in given for name in wanted):
        raise WrongAnswerError(f"{request.path}: {status}, {given.get('error', sorted(given))}")
    return dict(given)


def _require_form(workload: str, token: str) -> None:
    """WrongAnswerError for a token of another form."""
    header, _, rest = token.partition(".")
    signed = rest.count(".") == 1
    algorithm = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"] if signed else OPAQUE
    if algorithm.lower() != workload:
        raise WrongAnswerError(f"asked for {workload}, got {algorithm}")
