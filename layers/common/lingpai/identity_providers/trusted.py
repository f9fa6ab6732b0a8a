"""A client that is trusted to identify its users: `sign` is the user's id at the third party, without proof."""

import unicodedata

from lingpai.clients.model import Client
from lingpai.identity_providers.model import OPENID_MAX, Identity, ProviderCredential
from lingpai.kernel.errors import invalid_grant, unauthorized_client

NAME = "trusted"


class Trusted:
    """The provider `trusted`, see `IdentityProvider`."""

    # The identity rests on the client's word. A user's access token does not authenticate the client.
    proves = False

    def asks(self, client: Client, credential: ProviderCredential) -> bool:  # noqa: ARG002  nobody is asked
        """See `IdentityProvider`."""
        return False

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The identity `sign` of the client's app; only for a client with a secret, which has authenticated."""
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
        """See `IdentityProvider`: any app, since only client records name the apps."""
        provider, _, app = issuer.partition(":")
        return app.replace("%3A", ":").replace("%25", "%") if provider == NAME else None
