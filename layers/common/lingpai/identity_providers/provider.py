"""The interface of an identity provider."""

from typing import Protocol, runtime_checkable

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity, ProviderCredential


class IdentityProvider(Protocol):
    """A third party that identifies users, or the client in its place (`trusted`)."""

    @property
    def proves(self) -> bool:
        """Whether the third party itself proves the identity, so that users may link it to their account."""
        ...

    def asks(self, client: Client, credential: ProviderCredential) -> bool:
        """Whether `resolve` calls the third party for this credential, so that the call must be counted first.

        LingpaiError for a credential that is refused without a call.
        """
        ...

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The identity of the user who presents the credential to the client.

        LingpaiError `invalid_grant` for a credential that is wrong, used or for another client, `invalid_request` if
        it is incomplete, 429 or 503 if the third party does not answer. Neither the error nor its cause quotes the
        credential.
        """
        ...

    def identity(self, client: Client, openid: str) -> Identity:
        """The identity of the client's user with this id, without proof, for admins who set it."""
        ...

    def app(self, issuer: str) -> str | None:
        """The app in this `Identity.issuer`, as shown to users; None if this provider cannot log it in."""
        ...


@runtime_checkable
class NumberProvider(Protocol):
    """An identity provider that proves the numbers of its users as well (WeChat's mini-programs)."""

    def check_phone_code(self, phone_code: str) -> None:
        """LingpaiError `invalid_grant` for a code that is refused without a call."""
        ...

    def phone_number(self, client: Client, phone_code: str, openid: str) -> str:
        """The number with its country code that the user with this id in the client's app has confirmed; one call.

        LingpaiError `invalid_grant` for a code that is wrong, used, or of another user or app, 429 or 503 if the third
        party does not answer. Neither the error nor its cause quotes the code or the number.
        """
        ...
