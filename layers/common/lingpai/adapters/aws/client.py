"""Clients of AWS's services, with the settings' time-outs and retries: botocore's, or bare ones (decision 10)."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lingpai.adapters.aws.roots import trust_amazon, trusted

if TYPE_CHECKING:
    from lingpai.settings import Settings

# The ends of addresses by partition; where AWS has others, botocore knows them.
_DOMAINS = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
_IDS = {"dynamodb": "DYNAMODB", "kms": "KMS", "secretsmanager": "SECRETS_MANAGER"}
# What leads elsewhere than to a service's ordinary address.
_DETOURS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "HTTPS_PROXY", "https_proxy")


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
        if url is not None:
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
    """Where the service answers; None where only botocore can tell."""
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        given = environment.get(f"AWS_ENDPOINT_URL_{_IDS[service]}") or environment.get("AWS_ENDPOINT_URL")
        if given:
            return given
    domain = _DOMAINS.get(_partition(region))
    if domain is None or any(environment.get(name) for name in _DETOURS):
        return None
    return f"https://{service}.{region}.{domain}"


def _partition(region: str) -> str:
    """The partition of a region; empty for those whose addresses end otherwise, or that are not known."""
    match region.split("-"):
        case ["cn", _, _]:
            return "aws-cn"
        case ["us", "gov", _, _]:
            return "aws-us-gov"
        case [area, _, _] if len(area) == 2:
            return "aws"
    return ""


def _of_botocore(
    settings: "Settings", service: str, endpoint: str | None, credentials: tuple[str, str] | None, max_connections: int
) -> Any:
    import botocore.config
    import botocore.session

    config = botocore.config.Config(
        connect_timeout=settings.store_connect_timeout,
        read_timeout=settings.store_read_timeout,
        retries={"total_max_attempts": settings.store_attempts, "mode": "standard"},
        max_pool_connections=max_connections,
        parameter_validation=False,
    )
    session = botocore.session.get_session()
    if endpoint is None:
        trust_amazon(session, settings.aws_region)
    access_key, secret_key = credentials or (None, None)
    return session.create_client(
        service,
        region_name=settings.aws_region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
