"""Token requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lingpai.clients.model import Client
from lingpai.sms_codes.model import Presenter


@dataclass(frozen=True)
class TokenRequest:
    """A request to a grant (RFC 6749 section 4): the authenticated client, its address, and the parameters.

    `scope` is the requested scope, None without one. `resource` are the requested resources, all of them in the
    client's record (RFC 8707). `address` is the end user's if the client has forwarded it (`forwarded`), else the
    client's. `jkt` is the thumbprint of the key of its DPoP proof; None without one.
    """

    client: Client
    scope: tuple[str, ...] | None
    parameters: Mapping[str, str] = field(repr=False)
    address: str
    forwarded: bool = False
    resource: tuple[str, ...] = ()
    jkt: str | None = None

    @property
    def presenter(self) -> Presenter:
        """The client and address for which a guess at a code is counted."""
        return Presenter.of(self.client, self.address, forwarded=self.forwarded)
