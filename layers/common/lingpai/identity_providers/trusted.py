"""A client that is itself trusted to say who somebody is: `sign` is the third party's id, as it is."""

import unicodedata

from lingpai.clients.model import Client
from lingpai.identity_providers.model import OPENID_MAX, Identity, ProviderCredential
from lingpai.kernel.errors import invalid_grant, unauthorized_client

NAME = "trusted"


class Trusted:
    """The provider `trusted`, see `IdentityProvider`."""

    # It is the client's word. The client proves itself with its secret, which no user's access token stands for.
    proves = False

    def asks(self, client: Client, credential: ProviderCredential) -> bool:  # noqa: ARG002  nobody is asked
        """See `IdentityProvider`."""
        return False

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The identity `sign` of the client's app; only for a client that has a secret and thus proved itself."""
        if not client.confidential:
            raise unauthorized_client("sign")
        sign = credential.sign
        if len(sign) > OPENID_MAX or any(unicodedata.category(character)[0] == "C" for character in sign):
            raise invalid_grant("bad_sign")
        return self.identity(client, sign)

    def identity(self, client: Client, openid: str) -> Identity:
        """See `IdentityProvider`."""
        return Identity(NAME, client.sign_app, openid)

    def app(self, issuer: str) -> str | None:
        """See `IdentityProvider`: any app, since which of them there are is for the clients' records to say."""
        provider, _, app = issuer.partition(":")
        return app.replace("%3A", ":").replace("%25", "%") if provider == NAME else None
