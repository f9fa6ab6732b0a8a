"""Failures of messages, in terms that all senders share.

A vendor's error code is looked up in that vendor's table. The codes of a table are the vendor's own; one that ends
in parts (`Throttling.User`) is found by its first ones (`Throttling`) as well.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from lingpai.outbound.https import Answer, Https, Lost, Unreached
from lingpai.sms.sender import MaybeSent, NotSent

# Why a message was not sent:
# - bad_number: no provider can send to this number (invalid, landline, opted out, blacklisted)
# - number_limit: the vendor's limit for this number is reached
# - throttled: the vendor's request rate is exceeded
# - suspended: no balance, a spending limit, a closed account
# - misconfigured: credentials, template, signature or sender are not what the vendor wants
# - refused: any other error that the vendor names
# - unreachable: no connection
# and `in_doubt`: the vendor itself does not know whether it was sent.
Reason = Literal[
    "bad_number",
    "number_limit",
    "throttled",
    "suspended",
    "misconfigured",
    "refused",
    "unreachable",
    "in_doubt",
]
Table = Mapping[str, Reason]

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,79}|[0-9]{1,5}")


class Refused(NotSent):
    """Not sent, for this reason."""

    def __init__(self, provider: str, code: str, reason: Reason) -> None:
        super().__init__(f"{provider}: {code} ({reason})", bad_number=reason == "bad_number")
        self.reason = reason


def table(**codes: str) -> dict[str, Reason]:
    """A table from the codes of each reason, with spaces between them."""
    return {code: reason for reason, listed in codes.items() for code in listed.split()}  # type: ignore[misc]


def failed(provider: str, code: object, known: Table, status: int) -> NotSent | MaybeSent:
    """The failure for a vendor's error code; without a code, that of an unreadable response.

    An unknown code is a refusal, except with an HTTP status of 500 and above: then the message may have been sent.
    """
    if not isinstance(code, str) or not code:
        return unreadable(provider, status)
    reason = _find(code, known) or ("in_doubt" if status >= 500 else "refused")
    shown = code if _CODE.fullmatch(code) else "a code that cannot be shown"
    if reason == "in_doubt":
        return MaybeSent(f"{provider}: {shown} (in_doubt)")
    return Refused(provider, shown, reason)


def unreadable(provider: str, status: int) -> MaybeSent:
    """The failure of an answer that is not the vendor's."""
    return MaybeSent(f"{provider}: HTTP {status}, unreadable (in_doubt)")


def lost(provider: str, error: Lost) -> MaybeSent:
    """The failure of an answer that never came."""
    return MaybeSent(f"{provider}: answer lost, {error} (in_doubt)")


def post(provider: str, https: Https, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The vendor's response; Refused if it was not reached, MaybeSent if the response was lost."""
    try:
        return https.post(url, headers, body)
    except Unreached as error:
        raise Refused(provider, str(error), "unreachable") from error
    except Lost as error:
        raise lost(provider, error) from error


def member(value: Any, *path: str | int) -> Any:
    """The value at `path` in a vendor's JSON; None if the path does not exist."""
    for step in path:
        match value, step:
            case dict(), str():
                value = value.get(step)
            case list(), int() if 0 <= step < len(value):
                value = value[step]
            case _:
                return None
    return value


def _find(code: str, known: Table) -> Reason | None:
    while code:
        if code in known:
            return known[code]
        code = code.rpartition(".")[0]
    return None
