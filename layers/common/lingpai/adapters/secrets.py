"""Secrets from AWS Secrets Manager, fetched once for each execution environment."""

import functools
from collections.abc import Callable
from typing import Any

from lingpai.errors import unavailable
from lingpai.settings import Settings


def pepper(settings: Settings) -> Callable[[], bytes]:
    """What gives the key of the codes' digests: the setting itself, or the secret it names, when first needed."""
    given = settings.code_pepper.get_secret_value()
    if given:
        return given.encode
    return functools.cache(lambda: _fetch(settings))


def _fetch(settings: Settings) -> bytes:
    import botocore.config
    import botocore.exceptions
    import botocore.session

    config = botocore.config.Config(
        connect_timeout=settings.store_connect_timeout,
        read_timeout=settings.store_read_timeout,
        retries={"total_max_attempts": settings.store_attempts, "mode": "standard"},
    )
    client: Any = botocore.session.get_session().create_client(
        "secretsmanager", region_name=settings.aws_region, config=config
    )
    try:
        secret: str = client.get_secret_value(SecretId=settings.code_pepper_secret)["SecretString"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise unavailable() from error
    return secret.encode()
