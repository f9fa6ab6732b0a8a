"""The settings of captchas."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds, SecretArn, TimeOut

CaptchaProvider = Literal["off", "altcha", "aliyun", "geetest", "turnstile"]
Percent = Annotated[int, Field(ge=1, le=100)]


class CaptchaSettings(FeatureSettings):
    """Captchas: [asked for](limits.md#captchas) before an SMS code is sent, where a limit is near."""

    captcha: CaptchaProvider = "off"
    """name: whose captcha is asked for: `altcha`, a proof of work that asks nobody; [`aliyun`, `geetest`,
    `turnstile`](limits.md#captchas-of-others); `off`
    """
    captcha_prefix_percent: Percent = 50
    """percent: of `SMS_UNPROVEN`: from there on codes to the prefix take a captcha"""
    captcha_address_percent: Percent = 50
    """percent: of `LIMIT_SMS_IP` and `LIMIT_SMS_NET`: from there on codes that the address asks for take a captcha"""
    captcha_reserve: Limit = 50
    """codes: to a stopped prefix within a day (UTC) by solved captchas, beside those to numbers with an account"""
    captcha_ttl: Seconds = 600
    """seconds: how long a challenge of `altcha` can be solved"""
    altcha_cost: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """iterations: of PBKDF2 for each try at a challenge of `altcha`; the server makes one try for each challenge"""
    altcha_tries: Annotated[int, Field(ge=1, le=2**32 - 1)] = 10000
    """tries: at most that solve a challenge of `altcha`; half of them on average"""

    # Captchas of others
    captcha_id: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]*$")] = ""
    """text: Turnstile's site key, Geetest's captcha id, or Aliyun's scene"""
    captcha_key: SecretStr = SecretStr("")
    """text: Turnstile's secret key, Geetest's captcha key, or the other half of Aliyun's AccessKey"""
    captcha_key_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it"""
    captcha_key_id: Annotated[str, Field(pattern="^[!-~]*$")] = ""
    """text: the id of Aliyun's AccessKey"""
    captcha_prefix: Annotated[str, Field(pattern="^[A-Za-z0-9]*$")] = ""
    """text: the prefix of Aliyun's captcha instance"""
    captcha_endpoint: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    """host: where the provider is asked, if not at its usual host"""
    captcha_connect_timeout: TimeOut = 1.5
    """seconds: how long the provider's name, connection and TLS may take in all"""
    captcha_read_timeout: TimeOut = 3.0
    """seconds: how long to wait for its whole answer"""


# The settings that each provider requires.
_NEEDED: Mapping[CaptchaProvider, tuple[str, ...]] = {
    "aliyun": ("captcha_id", "captcha_prefix", "captcha_key_id", "captcha_key"),
    "geetest": ("captcha_id", "captcha_key"),
    "turnstile": ("captcha_id", "captcha_key"),
}


def missing(settings: CaptchaSettings) -> Iterator[str]:
    """Yield a line for each setting that the chosen provider requires and that is missing."""
    for name in _NEEDED.get(settings.captcha, ()):
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            if not value.get_secret_value() and not getattr(settings, f"{name}_secret"):
                yield f"{name.upper()}: CAPTCHA {settings.captcha} needs it, or {name.upper()}_SECRET"
        elif not value:
            yield f"{name.upper()}: CAPTCHA {settings.captcha} needs it"
