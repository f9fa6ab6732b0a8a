"""The checks for AWS China: what its regions lack, and what the law asks there.

docs/aws-china.md has the sources. Elsewhere these checks find nothing.
"""

import urllib.parse
from collections.abc import Iterator

from lingpai.health.model import Deployment, Finding, State

# The senders that are services of AWS, which sends no messages from its regions in China.
_LACKING_SENDERS = ("aws", "sns")


def region(deployment: Deployment) -> Iterator[Finding]:
    """Check a deployment in AWS China: its senders, its address, its tracing and its snapshots."""
    name = deployment.region
    if not name.startswith("cn-") or deployment.is_local:
        return
    yield _senders(deployment)
    if deployment.url is not None:
        yield _address(deployment.url)
    if deployment.tracing == "Active":
        yield Finding("china_tracing", State.warn, "china_tracing_on", {"region": name})
    elif deployment.tracing is not None:
        yield Finding("china_tracing", State.ok, "china_tracing_ok")
    if deployment.is_stack:
        yield Finding("china_snapshots", State.ok, "china_snapshots", {"region": name})


def _senders(deployment: Deployment) -> Finding:
    lacking = [sender for sender in deployment.senders if sender in _LACKING_SENDERS]
    if not lacking:
        return Finding("china_sms", State.ok, "china_sms_ok")
    values = {"senders": ", ".join(lacking), "region": deployment.region}
    return Finding("china_sms", State.fail, "china_sms_lacking", values)


def _address(url: str) -> Finding:
    host = urllib.parse.urlsplit(url).hostname or ""
    if host.endswith(".amazonaws.com.cn"):
        return Finding("china_domain", State.warn, "china_domain_aws", {"host": host})
    return Finding("china_domain", State.ok, "china_domain_ok", {"host": host})
