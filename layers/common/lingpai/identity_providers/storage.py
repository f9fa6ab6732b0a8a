"""The store interface of the apps' tokens at providers: shared by all functions, and renewed by one at a time."""

from typing import Protocol

from lingpai.identity_providers.model import AppToken


class AppTokens(Protocol):
    """The apps' tokens. A claim (random bytes) is the right to renew a token; it ends at a time, and with the renewal.

    Whoever claims next takes the right away from the one before, so that a late renewal replaces no later token.
    """

    def get_app_token(self, app: str) -> AppToken:
        """What is kept of the app's token, maybe nothing but the app; sees all writes before it."""
        ...

    def claim_app_token(self, seen: AppToken, claim: bytes, now: int, until: int) -> bool:
        """Claim the token until then; False if it is another than was `seen`, or if a claim lasts beyond `now`."""
        ...

    def put_app_token(self, token: AppToken, claim: bytes) -> bool:
        """Replace the token, and end the claim; False, and nothing done, if the claim is no longer the last one."""
        ...

    def release_app_token(self, app: str, claim: bytes) -> None:
        """End the claim, if it is still the last one."""
        ...
