"""The HTTP settings."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from lingpai.kernel.setting_types import FeatureSettings, SecretArn, Words, words

# The form that browsers send (RFC 6454 section 6.2): scheme, host, and the port unless it is the scheme's default.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def _origins(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words if each is an origin, or if the only one is `*`; else raise ValueError."""
    if words == ("*",):
        return words
    for word in words:
        if "*" in word:
            raise ValueError(f"{word!r}: the only wildcard is a single * alone")
        scheme = word.partition("://")[0]
        if not _ORIGIN.fullmatch(word) or word.endswith(_DEFAULT_PORTS.get(scheme, "/")):
            raise ValueError(
                f"{word!r} is no origin as browsers send it: scheme, host and any port other than the scheme's own,"
                " all in lower case, without a path, as in https://app.example.com"
            )
    return words


Origins = Annotated[Words, AfterValidator(_origins)]
# Names of header fields are tokens (RFC 9110 section 5.1).
HeaderNames = Annotated[
    tuple[Annotated[str, Field(pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")], ...], BeforeValidator(words)
]


class HttpSettings(FeatureSettings):
    """HTTP and metrics: pages of other origins, and the proxy in front."""

    # Origins whose pages may call the API, and the headers that they may send.
    cors_origins: Origins = ()
    """list: origins whose pages may call, such as `https://app.example.com`: scheme, host and port in lower case, no
    path; or `*` alone; in a deployment the parameter `CorsOrigins`
    """
    cors_headers: HeaderNames = ("authorization", "content-type", "dpop", "x-requested-with")
    """list: request headers that those pages may send; in a deployment the parameter `CorsHeaders`"""

    trusted_proxy_secret: SecretStr = SecretStr("")
    """text: the secret that [CloudFront](operations.md#cloudfront-and-aws-waf) sends in `X-Origin-Verify`: with it,
    the caller's address is taken from `X-Forwarded-For`; two with a comma between while one is replaced; takes
    precedence over the next
    """
    trusted_proxy_secret_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it"""

    metrics_namespace: str = ""
    """name: the CloudWatch namespace of the metrics; empty for none"""
    metrics_by_prefix: bool = False
    """yes or no: whether codes sent and come back are metrics for each country and prefix too, [which costs
    money](limits.md#pumping)
    """
