"""Clients of AWS's services, with the settings' time-outs and retries: botocore's, or bare ones (decision 10)."""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lingpai.adapters.aws.roots import trust_amazon, trusted

if TYPE_CHECKING:
    from lingpai.settings import Settings

# The ends of addresses by partition; where AWS has others, botocore knows them.
_DOMAINS = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
_IDS = {"dynamodb": "DYNAMODB", "kms": "KMS", "secretsmanager": "SECRETS_MANAGER"}
# What leads elsewhere than to a service's ordinary address, and what leads to any address by another way.
_DETOURS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_PRINTABLE = re.compile(r"[!-~]+")


def aws_client(
    settings: "Settings",
    service: str,
    endpoint: str | None = None,
    credentials: tuple[str, str] | None = None,
    max_connections: int = 10,
) -> Any:
    """A new client of `service`, as botocore names it. What is called is its `_make_api_call(operation, arguments)`.

    The setting `aws_transport` chooses; where only botocore knows the service's address, or the way to it, it is
    botocore's. `endpoint` and `credentials` (access key, secret key) are for what is not AWS's.
    """
    if settings.aws_transport == "bare":
        url = endpoint or address(service, settings.aws_region, os.environ)
        if url is not None and is_plain(url):
            return _bare(settings, service, url, credentials)
    return _of_botocore(settings, service, endpoint, credentials, max_connections)


def _bare(settings: "Settings", service: str, url: str, credentials: tuple[str, str] | None) -> Any:
    from lingpai.adapters.aws.credentials import Credentials, finder
    from lingpai.adapters.aws.wire import SERVICES, Patience, Wire

    given = Credentials(*credentials) if credentials else None
    return Wire(
        SERVICES[service],
        settings.aws_region,
        url,
        finder(os.environ) if given is None else lambda: given,
        Patience(settings.store_connect_timeout, settings.store_read_timeout, settings.store_attempts),
        trusted(settings.aws_region),
    )


def address(service: str, region: str, environment: Mapping[str, str]) -> str | None:
    """Where the service answers; None where only botocore can tell, or knows the way."""
    if any(environment.get(name) or environment.get(name.lower()) for name in _PROXIES):
        return None
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        given = environment.get(f"AWS_ENDPOINT_URL_{_IDS[service]}") or environment.get("AWS_ENDPOINT_URL")
        if given:
            return given
    domain = _DOMAINS.get(_partition(region))
    if domain is None or any(environment.get(name) for name in _DETOURS):
        return None
    return f"https://{service}.{region}.{domain}"


def is_plain(url: str) -> bool:
    """Whether it is an address that needs no more than a connection to it: botocore has its say of any other."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(whole and _PRINTABLE.fullmatch(url)) and "@" not in parts.netloc and not (parts.query or parts.fragment)


def _partition(region: str) -> str:
    """The partition of a region; empty for those whose addresses end otherwise, or that are not known."""
    match region.split("-"):
        case ["cn", side, number] if side.isalpha() and number.isdigit():
            return "aws-cn"
        case ["us", "gov", side, number] if side.isalpha() and number.isdigit():
            return "aws-us-gov"
        case [area, side, number] if len(area) == 2 and (area + side).isalpha() and number.isdigit():
            return "aws"
    return ""


def botocore_session() -> Any:
    """A new session of botocore's, to make clients of. Its logger tells no more than warnings.

    At DEBUG it quotes requests and answers whole, with the codes, hashes and secrets in them.
    """
    import logging

    import botocore.session

    logging.getLogger("botocore").setLevel(logging.WARNING)
    return botocore.session.get_session()


def _of_botocore(
    settings: "Settings", service: str, endpoint: str | None, credentials: tuple[str, str] | None, max_connections: int
) -> Any:
    import botocore.config

    from lingpai.adapters.aws.botocore_client import BotocoreClient
    from lingpai.adapters.aws.wire import SERVICES

    config = botocore.config.Config(
        connect_timeout=settings.store_connect_timeout,
        read_timeout=settings.store_read_timeout,
        retries={"total_max_attempts": settings.store_attempts, "mode": "standard"},
        max_pool_connections=max_connections,
        parameter_validation=False,
    )
    session = botocore_session()
    if endpoint is None:
        trust_amazon(session, settings.aws_region)
    access_key, secret_key = credentials or (None, None)
    client = session.create_client(
        service,
        region_name=settings.aws_region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
    return BotocoreClient(client, SERVICES[service])
