"""What an identity provider has to offer."""

from typing import Protocol

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity, ProviderCredential


class IdentityProvider(Protocol):
    """A third party who says who somebody is, or what stands for it here."""

    @property
    def proves(self) -> bool:
        """Whether `resolve` has the third party's own word, so that the person's alone is enough to link it."""
        ...

    def asks(self, client: Client, credential: ProviderCredential) -> bool:
        """Whether `resolve` asks the third party about this credential, so that the question has to be counted before.

        LingpaiError for a credential that is refused without a question.
        """
        ...

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """Who presents the credential to the client.

        LingpaiError `invalid_grant` for a credential that is wrong, used or another's, `invalid_request` where it lacks
        something, 429 or 503 where the third party does not say. Neither it nor its cause quotes the credential.
        """
        ...

    def identity(self, client: Client, openid: str) -> Identity:
        """The identity that the client's users of this id have, proven by nothing: for an admin's word."""
        ...

    def app(self, issuer: str) -> str | None:
        """How people know the app of this `Identity.issuer`, if whoever it names can log in by this provider."""
        ...
