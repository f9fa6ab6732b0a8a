"""Makes clients of AWS's services, with the settings' time-outs and retries: our own, or botocore's (decision 10)."""

import logging
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lingpai.aws.credentials import Credentials, finder
from lingpai.aws.json_client import JsonClient
from lingpai.aws.json_format import SERVICES
from lingpai.aws.trust_store import BOTOCORES, trust_store
from lingpai.outbound.connections import ConnectionPool

if TYPE_CHECKING:
    from lingpai.settings import Settings

# The ends of addresses by region, the first that fits; botocore knows those of other regions.
_DOMAINS = {"cn-[a-z]+-[0-9]+": "amazonaws.com.cn", "(us-gov|[a-z]{2})-[a-z]+-[0-9]+": "amazonaws.com"}
_IDS = {
    "dynamodb": "DYNAMODB",
    "kms": "KMS",
    "secretsmanager": "SECRETS_MANAGER",
    "sqs": "SQS",
    "events": "EVENTBRIDGE",
}
# Variables that ask for other addresses than a service's ordinary one, and for another way to any address.
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
    """A new client of `service`, as botocore names it. Its method is `call(operation, arguments)`.

    The setting `aws_transport` chooses; where only botocore knows the service's address, or the way to it, it is
    botocore's. `endpoint` and `credentials` (access key, secret key) are for what is not AWS's.
    """
    region = settings.aws_region
    connect_timeout, read_timeout = settings.store_connect_timeout, settings.store_read_timeout
    url = endpoint or address(service, region, os.environ)
    if settings.aws_transport == "bare" and url is not None and is_plain(url):
        pool = ConnectionPool(url, connect_timeout, read_timeout, trust_store(region) or BOTOCORES)
        find = (lambda: Credentials(*credentials)) if credentials else finder(os.environ)
        return JsonClient(SERVICES[service], region, pool, find, settings.store_attempts)
    import botocore.config

    from lingpai.aws.botocore_client import BotocoreClient

    access_key, secret_key = credentials or (None, None)
    client = botocore_session().create_client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=None if endpoint else trust_store(region),
        config=botocore.config.Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"total_max_attempts": settings.store_attempts, "mode": "standard"},
            max_pool_connections=max_connections,
            parameter_validation=False,
        ),
    )
    return BotocoreClient(client, SERVICES[service])


def botocore_session() -> Any:
    """A new session of botocore's, to make clients of. Its logger tells no more than warnings.

    At DEBUG it quotes requests and answers whole, with the codes, hashes and secrets in them.
    """
    import botocore.session

    logging.getLogger("botocore").setLevel(logging.WARNING)
    return botocore.session.get_session()


def address(service: str, region: str, environment: Mapping[str, str]) -> str | None:
    """Where the service answers; None where only botocore can tell, or knows the way."""
    if any(environment.get(name) or environment.get(name.lower()) for name in _PROXIES):
        return None
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        given = environment.get(f"AWS_ENDPOINT_URL_{_IDS[service]}") or environment.get("AWS_ENDPOINT_URL")
        if given:
            return given
    domain = next((domain for pattern, domain in _DOMAINS.items() if re.fullmatch(pattern, region)), None)
    if domain is None or any(environment.get(name) for name in _DETOURS):
        return None
    return f"https://{service}.{region}.{domain}"


def is_plain(url: str) -> bool:
    """Whether the address needs no more than a connection to it. Any other is left to botocore."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(whole and _PRINTABLE.fullmatch(url)) and "@" not in parts.netloc and not (parts.query or parts.fragment)
