"""The client that sends a request, by its credentials in the Basic header or in the body (RFC 6749 section 2.3.1).

And the address that it forwards of its end user.
"""

import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from lingpai.clients import authentication
from lingpai.clients.model import Client
from lingpai.clients.service import Credentials
from lingpai.http.request import Request, normalized_address
from lingpai.kernel.errors import invalid_client, invalid_request
from lingpai.services import Services


def authenticated_client(services: Services, request: Request, given: Mapping[str, str]) -> Client:
    """The client; `given` are the parameters of the body. Errors as those of `authentication.authenticate`."""
    return authentication.authenticate(services, client_credentials(request, given), request.source_ip)


def client_credentials(request: Request, given: Mapping[str, str]) -> Credentials | None:
    """Who the client says it is: by Basic (RFC 7617), else by `client_id` or `clientId`; None for no word of it."""
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
    """The address that the client says its end user has, in `X-End-User-Address`; None where it says none.

    Only a client whose record has `forwards_address` is believed. LingpaiError for what is no address.
    """
    told = request.headers.get("x-end-user-address", "").strip()
    if not told or not client.forwards_address or not client.confidential:
        return None
    address = normalized_address(told.partition("%")[0])
    if address is None:
        raise invalid_request("wrong_type", name="X-End-User-Address", zh="一个 IP 地址", en="one IP address")
    return address


def limited_address(request: Request, client: Client) -> str:
    """The address that limits count for a request of the client: its end user's where it tells it, else its own."""
    return end_user_address(request, client) or request.source_ip


def basic_credentials(request: Request) -> Credentials | None:
    """The id and secret of a Basic header (RFC 7617); None without one, LingpaiError for one that cannot be read."""
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    encoded = encoded.strip()
    try:
        text = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True).decode("utf-8")
    except ValueError:
        raise invalid_client("unreadable_basic") from None
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id:
        raise invalid_client("unreadable_basic")
    return Credentials(client_id, secret)
