"""Who asks AWS: the keys that Lambda puts into the environment, and any others as botocore finds and renews them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from botocore.exceptions import NoCredentialsError

from lingpai.frozen import frozen

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_EXPIRY = "AWS_CREDENTIAL_EXPIRATION"


@frozen
class Credentials:
    """An access key; `token` is that of a session, and None for a user's own key."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def finder(environment: Mapping[str, str]) -> Callable[[], Credentials]:
    """What gives the credentials of now. Ask it for each request: they may have been renewed.

    A function's own are in its environment for as long as that lives. In one that came from a snapshot they are not
    (Lambda gives them out at an address, for some hours), nor on a machine with profiles: botocore knows all that.
    """
    key_id, secret = (environment.get(name) for name in _KEYS)
    if key_id and secret and _EXPIRY not in environment:
        given = Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)
        return lambda: given
    return _of_botocore()


def _of_botocore() -> Callable[[], Credentials]:
    import botocore.session

    found: Any = botocore.session.get_session().get_credentials()

    def current() -> Credentials:
        if found is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return current


# A snapshot is to hold what will be needed: there this module is imported before it is made, and used after.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    import botocore.session  # noqa: F401
