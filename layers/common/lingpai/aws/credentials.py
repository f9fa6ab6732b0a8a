"""AWS credentials: the keys that Lambda puts into the environment, or those that botocore finds and renews."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import NoCredentialsError


@dataclass(frozen=True)
class Credentials:
    """An access key; `token` is that of a session, and None for a user's own key."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def finder(environment: Mapping[str, str]) -> Callable[[], Credentials]:
    """A function that gives the current credentials. Ask it for each request: they may have been renewed.

    A function's own are in its environment as long as it lives. In one restored from a snapshot they are not (Lambda
    gives them out at an address, for some hours), nor on a machine with profiles: botocore knows all that.
    """
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret and "AWS_CREDENTIAL_EXPIRATION" not in environment:
        given = Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)
        return lambda: given
    import botocore.session

    found: Any = botocore.session.get_session().get_credentials()

    def current() -> Credentials:
        if found is None:
            raise NoCredentialsError
        keys = found.get_frozen_credentials()
        return Credentials(keys.access_key, keys.secret_key, keys.token)

    return current
