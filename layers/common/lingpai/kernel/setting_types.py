"""Types of settings that several features share, and the base of each feature's part."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class FeatureSettings(BaseModel):
    """Base class of each feature's settings. `lingpai.settings.Settings` inherits from all of them."""

    # defer_build: pydantic builds a validator at its first use. Most processes use that of `Settings` alone.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)


@dataclass(frozen=True)
class Table:
    """What a table is like that a setting names, as template.yaml makes it, against which a test holds it.

    `key` has for each part HASH or RANGE, the attribute and its type. `ttl` is the attribute by which items expire.
    `is_recoverable`: it has point-in-time recovery.
    """

    key: tuple[tuple[str, str, str], ...]
    ttl: str | None = None
    is_recoverable: bool = True


def words(value: object) -> object:
    """Split comma-separated text into a list; leave any other value as it is."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def secure_url(url: str) -> str:
    """Return `url` if it uses HTTPS (or HTTP on 127.0.0.1) and has no user and no fragment; else raise ValueError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "127.0.0.1")
    printable = url.isascii() and url.isprintable() and " " not in url
    if not secure or not parts.hostname or parts.username is not None or parts.fragment or not printable:
        raise ValueError("is no address that begins with https://")
    return url


def optional_url(url: str) -> str:
    """As `secure_url`; an empty text stays empty."""
    return secure_url(url) if url else url


Words = Annotated[tuple[str, ...], BeforeValidator(words)]
Seconds = Annotated[int, Field(gt=0)]
# A function of Lambda runs for 900 seconds at most. Sockets reject much longer time-outs, such as `inf`.
TimeOut = Annotated[float, Field(gt=0, le=900)]
# 0 turns a limit off.
Limit = Annotated[int, Field(ge=0)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Url = Annotated[str, AfterValidator(secure_url)]
OptionalUrl = Annotated[str, AfterValidator(optional_url)]
# A full ARN. A bare name would also be valid for AWS, but could be a secret that was put here by mistake.
SecretArn = Annotated[str, Field(pattern="^(arn:aws[a-z-]*:secretsmanager:[^:]+:[0-9]+:secret:.+)?$")]
