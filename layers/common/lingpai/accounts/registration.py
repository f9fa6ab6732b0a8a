"""Who may create accounts: the setting REGISTRATION.

`open`: anyone. `client`: clients that prove themselves by a secret, for the people who use them. `off`: admins, the
operator and imports alone. It holds for the routes that register, and for the first login by a code or by a third
party, which makes an account too.
"""

from typing import TYPE_CHECKING

from lingpai.clients.model import Client
from lingpai.kernel.errors import forbidden, invalid_client, invalid_grant

if TYPE_CHECKING:
    from lingpai.accounts.settings import AccountSettings


def wants_client(settings: "AccountSettings") -> bool:
    """Whether a registration needs a client's credentials; LingpaiError `access_denied` where there is none at all."""
    if settings.registration == "off":
        raise forbidden("registration_closed")
    return settings.registration == "client"


def check_client(client: Client) -> None:
    """LingpaiError `invalid_client` for a public client: without a secret it has proven nothing."""
    if not client.confidential:
        raise invalid_client(dialect=client.dialect)


def check_first_login(settings: "AccountSettings", client: Client) -> None:
    """LingpaiError `invalid_grant` where a login through this client may not make an account."""
    if settings.registration == "off" or (settings.registration == "client" and not client.confidential):
        raise invalid_grant("registration_closed")
