"""All dialects, one module each (docs/api.md#dialects).

The client's record names its dialect. An unknown client is refused in the dialect that its
request resembles: the guess affects only the format of the error.
"""

from collections.abc import Mapping

from lingpai.http.request import Request
from lingpai.legacy import django, passport, spring, usercenter
from lingpai.oauth import standard
from lingpai.oauth.dialect import Dialect

REGISTRY: dict[str, Dialect] = {
    "django": django,
    "passport": passport,
    "spring": spring,
    "standard": standard,
    "usercenter": usercenter,
}
# The parameters that no grant reads, and only clients of one dialect send.
PARAMETERS = usercenter.PARAMETERS


def get_dialect(name: str) -> Dialect:
    """The dialect that a client's record names."""
    return REGISTRY[name]


def guess_dialect(request: Request, given: Mapping[str, str]) -> Dialect:
    """The dialect for the error to an unknown client, guessed from its request."""
    if "grant_type" not in given and usercenter.PARAMETERS & given.keys():
        return usercenter
    if request.headers.get("authorization", "").strip().lower().startswith("basic"):
        return spring
    return passport if "scope" in given else standard
