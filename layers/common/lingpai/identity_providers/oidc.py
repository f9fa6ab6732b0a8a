"""An OpenID provider's own word (Google, Apple, any other): `sign` is an ID token, made for one of our apps there."""

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai.clients.model import Client
from lingpai.identity_providers import https, id_tokens
from lingpai.identity_providers.discovery import Discovery
from lingpai.identity_providers.id_tokens import Presented, PublicKey
from lingpai.identity_providers.model import Identity, ProviderCredential, SingleUse
from lingpai.kernel import deadline
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError, SettingsError, invalid_grant, unavailable

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings, OidcProvider

# Whatever the deployment calls a provider: who somebody is hangs on issuer and subject alone (OpenID Connect Core 1.0
# section 5.7), so that a name given to another issuer opens nobody's account.
PROVIDER = "oidc"
# Any audience of the provider's; else the one that the client's record names.
_ANY_APP = "default"
_ANSWER_MAX = 256 * 1024
# How long keys that cannot be read again are used all the same.
_KEPT = 86400


class OpenId:
    """One OpenID provider, see `IdentityProvider`. `issuer` is that of its identities."""

    proves = True

    def __init__(self, settings: "IdentityProviderSettings", provider: "OidcProvider", clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self.discovery = Discovery(settings, provider, clock)
        given = provider.jwks
        self._keys = _Ring(settings, provider, clock, self.discovery) if given is None else _Given(provider.name, given)
        self.issuer = Identity(PROVIDER, provider.issuer, "").issuer

    def asks(self, client: Client, credential: ProviderCredential) -> bool:  # noqa: ARG002  the keys are read for all tokens
        """See `IdentityProvider`. Keys are read once in OIDC_KEYS_PAUSE at most, whatever is presented."""
        return False

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The subject of the ID token, which works once: it is to be remembered until it expires."""
        provider, now = self._provider, self._clock.now()
        audiences = provider.audiences
        if client.sign_app != _ANY_APP:
            if client.sign_app not in audiences:
                raise unavailable_provider(provider, f"{client.sign_app!r} is none of its audiences")
            audiences = (client.sign_app,)
        token = id_tokens.present(credential.sign)
        key = self._keys.find(token)
        claims = id_tokens.check(token, key, provider, audiences, credential.nonce, now)
        use = self._clock.random_bytes(8).hex()
        single_use = SingleUse(f"idtoken:{token.fingerprint}", claims.good_until + _KEPT, use)
        return replace(self.identity(client, claims.subject), single_use=single_use)

    def identity(self, client: Client, openid: str) -> Identity:  # noqa: ARG002  a provider's subjects are no app's own
        """See `IdentityProvider`."""
        return Identity(PROVIDER, self._provider.issuer, openid)

    def app(self, issuer: str) -> str | None:
        """See `IdentityProvider`: the issuer's address."""
        return self._provider.issuer if issuer == self.issuer else None


class _Given:
    """The keys that stand in the settings; SettingsError for one that cannot verify an ID token."""

    def __init__(self, name: str, jwks: str) -> None:
        self._keys: list[PublicKey] = []
        for number, jwk in enumerate(json.loads(jwks)["keys"], start=1):
            try:
                self._keys += id_tokens.read_keys(json.dumps({"keys": [jwk]}).encode())
            except ValueError:
                raise SettingsError(
                    f"OIDC_PROVIDERS: {name}.jwks: key {number} is no public key that verifies ID tokens"
                ) from None

    def find(self, token: Presented) -> PublicKey:
        """The key that the token names; LingpaiError `invalid_grant` where there is none."""
        return _known(id_tokens.choose(tuple(self._keys), token))


class _Ring:
    """The provider's keys, kept for OIDC_KEYS_TTL, and for a day where they cannot be read again.

    A key that is not known makes them be read again, once in OIDC_KEYS_PAUSE: invented names cause no calls.
    """

    def __init__(
        self, settings: "IdentityProviderSettings", provider: "OidcProvider", clock: Clock, discovery: Discovery
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._discovery = discovery
        # The clock of the times below.
        self._elapsed = clock.elapsed
        self._lock = threading.Lock()
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at = 0
        self._failed_at = 0
        self._sought_at = 0

    def find(self, token: Presented) -> PublicKey:
        """The key that the token names; LingpaiError `invalid_grant` if unknown, 503 if the keys cannot be read."""
        kept, now = self._keys, self._elapsed()
        keys = self._current(now)
        key = id_tokens.choose(keys, token)
        # Those that were read a moment ago for this token are not read again: a function has the time for one reading.
        if key is None and keys is kept:
            key = id_tokens.choose(self._sought(now), token)
        return _known(key)

    def _current(self, now: int) -> tuple[PublicKey, ...]:
        """The keys, read again where they are old."""
        if self._is_fresh(now):
            return self._keys
        with self._lock:
            if self._is_fresh(now):
                return self._keys
            usable = bool(self._keys) and now < self._read_at + _KEPT
            paused = self._failed_at + self._settings.oidc_keys_pause - now
            if paused > 0:
                if usable:
                    return self._keys
                raise unavailable("provider_unavailable", paused)
            try:
                self._read(now)
            except LingpaiError:
                if not usable:
                    raise
            return self._keys

    def _sought(self, now: int) -> tuple[PublicKey, ...]:
        """The keys, read again because one is missed."""
        with self._lock:
            if now >= max(self._sought_at, self._failed_at) + self._settings.oidc_keys_pause:
                self._sought_at = now
                self._read(now)
            return self._keys

    def _is_fresh(self, now: int) -> bool:
        return bool(self._keys) and now < self._read_at + self._settings.oidc_keys_ttl

    def _read(self, now: int) -> None:
        """Read the keys; LingpaiError 503 where that fails, and those that are there stay."""
        try:
            self._keys = id_tokens.read_keys(https.get(self._settings, self._uri(), _ANSWER_MAX))
            self._read_at = now
        except (https.NotAnswered, ValueError) as error:
            if not deadline.is_over():
                self._failed_at = now
                self._discovery.forget()
            raise unavailable_provider(self._provider, f"keys: {error}") from None

    def _uri(self) -> str:
        """The URL of the keys: the setting, or from discovery."""
        return self._provider.jwks_uri or self._discovery.endpoint("jwks_uri")


def _known(key: PublicKey | None) -> PublicKey:
    """The key; LingpaiError `invalid_grant` where the provider has none that the token names."""
    if key is None:
        raise invalid_grant("bad_id_token")
    return key


def unavailable_provider(provider: "OidcProvider", detail: str) -> LingpaiError:
    """The error 503 for a provider that cannot be used now; `detail` is for the log."""
    return unavailable("provider_unavailable", detail=f"{PROVIDER} {provider.name}: {detail}")
