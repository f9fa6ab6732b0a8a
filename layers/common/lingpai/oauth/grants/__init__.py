"""The grants (RFC 6749 section 4, and extensions): one module each, with its names, parameters and handler."""

from collections.abc import Mapping
from typing import Protocol

from lingpai.clients import resources, scopes
from lingpai.clients.model import Client
from lingpai.kernel.errors import invalid_dpop_proof, invalid_request, unauthorized_client
from lingpai.oauth.grants import (
    authorization_code,
    client_credentials,
    digest,
    mobile,
    password,
    refresh_token,
    sign,
    validate_code,
)
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet


class Grant(Protocol):
    """The interface of a grant module."""

    @property
    def NAME(self) -> str:  # noqa: N802  a constant of the module
        """The name of the grant."""
        ...

    @property
    def PERMISSION(self) -> str:  # noqa: N802  a constant of the module
        """The grant that the client's record must contain."""
        ...

    @property
    def GRANT_TYPE(self) -> str | None:  # noqa: N802  a constant of the module
        """The `grant_type` by which a `standard` client requests it, a URI for an extension (RFC 6749 section 4.5).

        None if such a client cannot request it.
        """
        ...

    @property
    def REQUIRED(self) -> tuple[str, ...]:  # noqa: N802  a constant of the module
        """The required parameters."""
        ...

    def handle(self, services: Services, asked: TokenRequest) -> TokenSet:
        """Tokens for the client; LingpaiError if it gets none."""
        ...


REGISTRY: dict[str, Grant] = {
    grant.NAME: grant
    for grant in (
        authorization_code,
        password,
        digest,
        refresh_token,
        client_credentials,
        mobile,
        validate_code,
        sign,
    )
}

# The names of the grants by the `grant_type` of a `standard` client.
GRANT_TYPES = {grant.GRANT_TYPE: name for name, grant in REGISTRY.items() if grant.GRANT_TYPE is not None}

# The parameters that any grant reads; all others are ignored.
PARAMETERS = frozenset(
    {"grant_type", "scope", "nonce", "redirect_uri", "resource"}.union(
        *(grant.REQUIRED for grant in REGISTRY.values())
    ),
)


def run(
    services: Services,
    client: Client,
    name: str,
    parameters: Mapping[str, str],
    address: str,
    *,
    forwarded: bool = False,
    jkt: str | None = None,
) -> TokenSet:
    """Run the grant `name` of the registry, if the client may use it and sends its required parameters.

    `address` is the source address of the request or, if `forwarded`, the end user's. `jkt` is the thumbprint of the
    key of its DPoP proof; None without one.
    """
    grant = REGISTRY[name]
    if grant.PERMISSION not in client.grants:
        raise unauthorized_client(name)
    if client.dpop_bound_access_tokens and jkt is None:
        # RFC 9449 section 5.2.
        raise invalid_dpop_proof("dpop_required")
    for parameter in grant.REQUIRED:
        if not parameters.get(parameter):
            raise invalid_request("missing_parameter", name=parameter)
    scope = scopes.wanted(client, parameters.get("scope"))
    resource = resources.granted(client, parameters.get("resource", "").split("\n"))
    return grant.handle(services, TokenRequest(client, scope, parameters, address, forwarded, resource, jkt))
