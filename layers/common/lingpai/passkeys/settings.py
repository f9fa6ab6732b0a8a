"""The settings of passkeys."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from lingpai.kernel.setting_types import FeatureSettings, Seconds, Words

# A domain name, in lower case and without a port (WebAuthn level 3 section 5.1.2).
_DOMAIN = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?"
# A web origin over HTTPS or at localhost, or an Android app's.
_ORIGIN = re.compile(
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)*(:[1-9][0-9]{0,4})?"
    r"|http://([a-z0-9-]+\.)*localhost(:[1-9][0-9]{0,4})?"
    r"|android:apk-key-hash:[A-Za-z0-9_-]{43}"
)


def is_domain(host: str) -> bool:
    """Whether the host is a domain name, and no address."""
    return re.fullmatch(_DOMAIN, host) is not None


def _origins(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words if each is an origin of a ceremony; else raise ValueError."""
    for word in words:
        if not _ORIGIN.fullmatch(word):
            raise ValueError(f"{word!r} is no origin of a passkey, as in https://login.example.com")
    return words


Domain = Annotated[str, Field(pattern=f"^({_DOMAIN})?$")]
PasskeyOrigins = Annotated[Words, AfterValidator(_origins)]


class PasskeySettings(FeatureSettings):
    """Passkeys: the domain that they belong to, and where they may be used."""

    webauthn_rp_id: Domain = ""
    """domain: what passkeys belong to, for ever: the host of the issuer or a domain above it; empty for that host"""
    webauthn_origins: PasskeyOrigins = ()
    """list: the origins that passkeys may be presented at, such as `https://login.example.com`; empty for that of the
    issuer
    """
    passkey_challenge_ttl: Seconds = 600
    """seconds: how long a browser has time to present or create a passkey"""
