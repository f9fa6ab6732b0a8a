"""Token requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lingpai.clients.model import Client
from lingpai.sms_codes.model import Presenter


@dataclass(frozen=True)
class TokenRequest:
    """What a grant is asked (RFC 6749 section 4): by which client, from which address, with which parameters.

    `scope` is what was asked for, None for nothing in particular. `resource` are the resources that were asked for, of
    the client's record (RFC 8707). `address` is the end user's where `forwarded` says
    that the client told it, else the client's.
    """

    client: Client
    scope: tuple[str, ...] | None
    parameters: Mapping[str, str] = field(repr=False)
    address: str
    forwarded: bool = False
    resource: tuple[str, ...] = ()

    @property
    def presenter(self) -> Presenter:
        """Whom a guess at a code counts for."""
        return Presenter.of(self.client, self.address, forwarded=self.forwarded)
