"""The access token that a request presents at Lingpai's own API, by the scheme Bearer or DPoP."""

from typing import TYPE_CHECKING

from lingpai.dpop import service as dpop
from lingpai.http.request import authorization
from lingpai.kernel import cause
from lingpai.kernel.errors import invalid_request, invalid_token, unauthorized
from lingpai.services import Services
from lingpai.sessions import access_tokens
from lingpai.sessions.access_tokens import AccessToken

if TYPE_CHECKING:
    from lingpai.http.request import Request


def read(services: Services, request: "Request", in_form: str | None = None) -> AccessToken:
    """The token in the Authorization header (RFC 6750 section 2.1, RFC 9449 section 7.1), or the one in the form.

    One call, and one more with the scheme DPoP. LingpaiError `unauthorized` without a token, `invalid_request` for two,
    `invalid_token` for an invalid one, and for one that is bound to a key but presented as a bearer token (RFC 9449
    section 7.2). `invalid_dpop_proof` or `use_dpop_nonce` for the proof.
    """
    scheme, text = authorization(request)
    in_header = text if scheme in ("bearer", "dpop") else ""
    if in_header and in_form is not None:
        raise invalid_request("duplicate_parameter", name="access_token")
    token = in_header or in_form
    if not token:
        raise unauthorized()
    found = access_tokens.read(services, token)
    if in_header and scheme == "dpop":
        dpop.check_token(services, request, token, found.session.jkt)
    elif found.session.jkt is not None:
        raise invalid_token("dpop_bound")
    user_id, client_id = found.session.key.user_id, found.session.client_id
    cause.note(actor=f"client:{client_id}" if user_id is None else f"user:{user_id}", client=client_id)
    return found
