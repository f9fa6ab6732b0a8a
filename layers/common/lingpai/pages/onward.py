"""Where a browser goes on after a page: back to the authorization request, or to the account page.

It is carried through the pages as text, which anybody may write. So it leads to these two pages of ours alone, and
never to another site (OWASP, "Unvalidated Redirects and Forwards").
"""

import hmac
import re
from collections.abc import Collection, Mapping
from typing import get_args
from urllib.parse import parse_qsl, quote, urlencode

from lingpai.authorization.prompts import Step
from lingpai.browser_sessions.service import message_code
from lingpai.http.response import Reply
from lingpai.kernel.errors import invalid_request

AUTHORIZE, ACCOUNT = "/oauth/authorize", "/account"
# What says, in the query of an authorization request, which of its wishes were met just now.
DONE = "lingpai_done"
# How long it says so, in seconds: a page that is opened again later asks again.
_DONE_TTL = 600
# Of the query that carries it, whose escapes are escaped once more: API Gateway takes 10,240 bytes for a request's line
# and its headers.
_LONGEST = 8192
_FIELDS_MAX = 100
# Of that of an authorization request, to which the mark comes.
_REQUEST_MAX = 8000
_ALLOWED = re.compile(r"/oauth/authorize\?[!-\[\]-~]*|/account(\?edit=[a-z]+)?")

Pairs = tuple[tuple[str, str], ...]


def checked(text: str) -> str:
    """The text, if it leads to the authorization endpoint or to the account page; else an empty one."""
    return text if len(text) <= _LONGEST and len(tail(text)) <= _LONGEST and _ALLOWED.fullmatch(text) else ""


def once_each(sent: Pairs, longest: Mapping[str, int]) -> dict[str, str]:
    """Those of the parameters that are not empty and have a name in `longest`, which has the most characters of each.

    LingpaiError for one that is repeated (RFC 6749 section 3.1) or too long.
    """
    given: dict[str, str] = {}
    for name, value in sent:
        if name in longest and value:
            if name in given:
                raise invalid_request("duplicate_parameter", name=name)
            if len(value) > longest[name]:
                raise invalid_request("too_long", name=name, limit=longest[name])
            given[name] = value
    return given


def tail(onward: str) -> str:
    """The query that carries it to another page: empty, or `?continue=…`."""
    return f"?continue={quote(onward, safe='')}" if onward else ""


def pairs(query: str) -> Pairs:
    """The parameters of a query or a form in their order; LingpaiError for what is not UTF-8, or too much."""
    try:
        found = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise invalid_request("malformed_body", zh="参数过多或不是 UTF-8", en="too much, or not UTF-8") from None
    return tuple(found)


def authorization(sent: Pairs) -> str:
    """The address of this authorization request, without what `done` reads."""
    return f"{AUTHORIZE}?{urlencode([pair for pair in sent if pair[0] != DONE])}"


def require_carriable(sent: Pairs) -> None:
    """LingpaiError for an authorization request that is too long for the pages to carry it."""
    if len(tail(authorization(sent))) > _REQUEST_MAX:
        raise invalid_request("too_long", name="request", limit=_REQUEST_MAX)


def request_of(onward: str) -> Pairs:
    """The parameters of the authorization request that it leads to; none where it leads elsewhere."""
    path, _, query = onward.partition("?")
    return pairs(query) if path == AUTHORIZE else ()


def mark_done(secret: bytes, onward: str, steps: Collection[Step], now: int) -> str:
    """The address with the mark that these steps are done in the browser session of this secret."""
    if not onward.startswith(AUTHORIZE):
        return onward
    plain = authorization(request_of(onward))
    said = f"{'+'.join(sorted(steps))}.{now}"
    return f"{plain}&{DONE}={quote(f'{said}.{message_code(secret, said, plain)}')}"


def done(secret: bytes, sent: Pairs, now: int) -> frozenset[Step]:
    """The steps that were done for this request in this browser session, a while ago at most."""
    mark = next((value for name, value in sent if name == DONE), "")
    said, _, code = mark.rpartition(".")
    steps, _, at = said.partition(".")
    if not hmac.compare_digest(code.encode(), message_code(secret, said, authorization(sent)).encode()):
        return frozenset()
    is_fresh = 0 <= now - int(at) <= _DONE_TTL
    return frozenset(step for step in get_args(Step) if step in steps.split("+")) if is_fresh else frozenset()


def see_other(location: str, *cookies: str) -> Reply:
    """A redirect that is followed by a GET (RFC 9110 section 15.4.4)."""
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Reply(303, "", headers, cookies)
