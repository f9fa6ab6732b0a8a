"""The metadata of an OpenID provider (OpenID Connect Discovery 1.0 section 4)."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lingpai.identity_providers import https
from lingpai.kernel import deadline
from lingpai.kernel.clock import Clock
from lingpai.kernel.setting_types import secure_url

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings, OidcProvider

_ANSWER_MAX = 256 * 1024


class Discovery:
    """A provider's metadata, cached for OIDC_KEYS_TTL. After a failure the next attempt waits for OIDC_KEYS_PAUSE."""

    def __init__(self, settings: "IdentityProviderSettings", provider: "OidcProvider", clock: Clock) -> None:
        self._settings = settings
        self._provider = provider
        self._elapsed = clock.elapsed
        self._metadata: Mapping[str, Any] | None = None
        self._read_at = 0
        self._failed_at: int | None = None

    def metadata(self) -> Mapping[str, Any]:
        """The metadata; NotAnswered if they cannot be fetched, ValueError if they are not those of this provider."""
        now = self._elapsed()
        if self._metadata is not None and now < self._read_at + self._settings.oidc_keys_ttl:
            return self._metadata
        if self._failed_at is not None and now < self._failed_at + self._settings.oidc_keys_pause:
            raise https.NotAnswered("the metadata could not be read a moment ago")
        address = f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            self._metadata = _read(https.get(self._settings, address, _ANSWER_MAX), self._provider.issuer)
        except (https.NotAnswered, ValueError):
            if not deadline.is_over():
                self._failed_at = now
            raise
        self._read_at, self._failed_at = now, None
        return self._metadata

    def endpoint(self, name: str) -> str:
        """The URL with this name; ValueError if it is missing or not allowed. Other errors as of `metadata`."""
        uri = self.metadata().get(name)
        if not isinstance(uri, str):
            raise ValueError(f"the metadata has no {name}")  # noqa: TRY004  it is the content that is wrong
        try:
            secure_url(uri)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
        # An https issuer must not direct requests to plain http, such as a service on this machine.
        if urlsplit(uri).scheme != urlsplit(self._provider.issuer).scheme:
            raise ValueError(f"{name} is less secure than the issuer")
        return uri

    def forget(self) -> None:
        """Drop the cached metadata, when an address in them did not answer."""
        self._metadata = None


def _read(document: bytes, issuer: str) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(document)
    except (ValueError, RecursionError):
        raise ValueError("the metadata is not JSON") from None
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise ValueError("the metadata is another issuer's")
    return found
