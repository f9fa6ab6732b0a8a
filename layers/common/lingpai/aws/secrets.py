"""Secret settings: given by themselves, or kept in AWS Secrets Manager under the name that a sibling setting tells.

A setting FOO may come as FOO, or be fetched from the secret that FOO_SECRET names (its name or its ARN).
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lingpai.aws.client import aws_client
from lingpai.kernel.errors import unavailable

if TYPE_CHECKING:
    from lingpai.settings import Settings


def secret(settings: "Settings", name: str) -> Callable[[], str]:
    """What gives the secret setting `name`: itself, else its sibling's secret, fetched once, when first needed.

    It never gives an empty text: LingpaiError `temporarily_unavailable` where neither is set or the secret cannot be
    read. The next call tries again.
    """
    given: str = getattr(settings, name).get_secret_value()
    if given:
        return lambda: given
    return functools.cache(functools.partial(_fetch, settings, getattr(settings, f"{name}_secret")))


def optional(settings: "Settings", name: str) -> Callable[[], str] | None:
    """As `secret`; None where neither the setting nor its sibling is set."""
    is_set = getattr(settings, name).get_secret_value() or getattr(settings, f"{name}_secret")
    return secret(settings, name) if is_set else None


def pepper(settings: "Settings") -> Callable[[], bytes]:
    """What gives the key of the codes' digests and of temporary tokens."""
    text = secret(settings, "code_pepper")
    return lambda: text().encode()


def _fetch(settings: "Settings", secret_id: str) -> str:
    try:
        answer: dict[str, Any] = aws_client(settings, "secretsmanager").call("GetSecretValue", {"SecretId": secret_id})
    except (BotoCoreError, ClientError) as error:
        raise unavailable() from error
    text: str = answer.get("SecretString", "")
    if not text:
        # A binary secret, or an empty one, is none that a setting could hold.
        raise unavailable()
    return text
