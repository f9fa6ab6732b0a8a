"""The challenge to a request whose access token is refused: the header `WWW-Authenticate`."""

from lingpai.http.oauth_error import description
from lingpai.http.request import Request, authorization
from lingpai.kernel import jws
from lingpai.kernel.errors import LingpaiError

_REALM = 'realm="lingpai"'
_ALGORITHMS = f'algs="{" ".join(jws.DPOP_ALGORITHMS)}"'


def challenge(error: LingpaiError, request: Request, scope: str | None = None) -> dict[str, str]:
    """The header with a challenge of the scheme that the request used: Bearer (RFC 6750 section 3) or DPoP.

    RFC 9449 section 7.1. A bearer token that is bound to a key gets both challenges. `scope` is what the route needs.
    """
    parameters = _REALM
    if error.code != "unauthorized":
        # RFC 6750 section 3.1: no error code for a request that lacked any authentication.
        parameters += f', error="{error.code}"'
    if error.code == "insufficient_user_authentication":
        # RFC 9470 section 3.
        parameters += f', error_description="{description(error)}", acr_values="{error.values["acr"]}"'
    if scope is not None:
        parameters += f', scope="{scope}"'
    if authorization(request)[0] == "dpop":
        return {"WWW-Authenticate": f"DPoP {parameters}, {_ALGORITHMS}"}
    bound = f", DPoP {_ALGORITHMS}" if error.reason == "dpop_bound" else ""
    return {"WWW-Authenticate": f"Bearer {parameters}{bound}"}
