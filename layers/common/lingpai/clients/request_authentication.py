"""The client of a request, authenticated by the Basic header or the body (RFC 6749 section 2.3.1).

Also the end user's address that the client forwards.
"""

import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from lingpai.clients import authentication
from lingpai.clients.model import Client
from lingpai.clients.service import Credentials
from lingpai.http.request import Request, authorization, normalized_address
from lingpai.kernel.errors import invalid_client, invalid_request
from lingpai.services import Services


def authenticated_client(services: Services, request: Request, given: Mapping[str, str]) -> Client:
    """The client; `given` are the parameters of the body. Errors as those of `authentication.authenticate`."""
    return authentication.authenticate(services, client_credentials(request, given), request.source_ip)


def client_credentials(request: Request, given: Mapping[str, str]) -> Credentials | None:
    """The client's credentials: from Basic (RFC 7617), else from `client_id` or `clientId`; None without either."""
    in_body = {given[name] for name in ("client_id", "clientId") if name in given}
    basic = basic_credentials(request)
    if basic is None:
        if not in_body:
            return None
        if len(in_body) > 1:
            raise invalid_client("clients_disagree")
        return Credentials(in_body.pop(), given.get("client_secret"))
    # RFC 6749 section 2.3.1 wants the id form-encoded in the header.
    if in_body - {basic.client_id} and in_body - {unquote_plus(basic.client_id)}:
        raise invalid_client("clients_disagree")
    return basic


def end_user_address(request: Request, client: Client) -> str | None:
    """The end user's address that the client sends in `X-End-User-Address`; None without one.

    It is ignored unless the client's record has `forwards_address`. LingpaiError if it is not an address.
    """
    forwarded = request.headers.get("x-end-user-address", "").strip()
    if not forwarded or not client.forwards_address or not client.confidential:
        return None
    address = normalized_address(forwarded.partition("%")[0])
    if address is None:
        raise invalid_request("wrong_type", name="X-End-User-Address", zh="一个 IP 地址", en="one IP address")
    return address


def limited_address(request: Request, client: Client) -> str:
    """The address that limits count for a request of the client: its end user's if it sends that, else its own."""
    return end_user_address(request, client) or request.source_ip


def basic_credentials(request: Request) -> Credentials | None:
    """The id and secret of a Basic header (RFC 7617); None without one, LingpaiError for one that cannot be read."""
    scheme, encoded = authorization(request)
    if scheme != "basic":
        return None
    try:
        text = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True).decode("utf-8")
    except ValueError:
        raise invalid_client("unreadable_basic") from None
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id:
        raise invalid_client("unreadable_basic")
    return Credentials(client_id, secret)
