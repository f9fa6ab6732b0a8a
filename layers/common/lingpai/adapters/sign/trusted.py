"""A client that is itself trusted to say who somebody is: `sign` is the third party's id, as it is."""

import unicodedata

from lingpai.errors import invalid_grant, unauthorized_client
from lingpai.model import Client, Identity

NAME = "trusted"
OPENID_MAX = 256


def resolve(client: Client, sign: str) -> Identity:
    """The identity `sign` of the client's app; only for a client that has a secret and thus proved itself."""
    if not client.confidential:
        raise unauthorized_client("sign")
    if len(sign) > OPENID_MAX or any(unicodedata.category(character)[0] == "C" for character in sign):
        raise invalid_grant("bad_sign")
    return Identity(NAME, client.sign_app, sign)
