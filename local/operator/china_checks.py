"""The checks of `lingpai doctor` for AWS China: what its regions lack, and what the law asks there.

docs/aws-china.md has the sources. Elsewhere these checks find nothing.
"""

import urllib.parse
from collections.abc import Iterator

from local.operator.findings import Case, Finding, State, verdict

# The senders that are services of AWS, which sends no messages from its regions in China.
_LACKING_SENDERS = ("aws", "sns")
_PAGE = "docs/aws-china.md"


def region(case: Case) -> Iterator[Finding]:
    """Check a deployment in AWS China: its senders, its address, its tracing and its snapshots."""
    name = case.target.stack.region if case.target.stack else case.services.settings.aws_region
    if not name.startswith("cn-") or case.target.local:
        return
    yield _senders(case, name)
    if case.url is not None:
        yield _address(case.url)
    if case.target.stack is not None:
        given = case.target.stack.given
        mend = f"Lambda has no X-Ray in {name}: deploy with Tracing=Disabled"
        yield verdict("china tracing", given.get("Tracing") != "Active", "X-Ray is off", mend)
        yield Finding("china snapshots", State.ok, f"{name} has none for Python; the template makes none there")


def _senders(case: Case, region: str) -> Finding:
    stack = case.target.stack
    chosen = stack.senders.split(",") if stack else case.services.settings.sms_provider
    lacking = [sender for sender in chosen if sender in _LACKING_SENDERS]
    mend = f"{', '.join(lacking)} cannot send: AWS has no SMS in {region}. Take aliyun or tencent ({_PAGE})"
    return verdict("china sms", not lacking, "none of the senders is a service of AWS", mend, State.fail)


def _address(url: str) -> Finding:
    host = urllib.parse.urlsplit(url).hostname or ""
    own = not host.endswith(".amazonaws.com.cn")
    mend = (
        f"{host} is AWS's, which answers only where the account has an ICP filing (备案): "
        f"file for a domain of your own and deploy with DomainName ({_PAGE})"
    )
    return verdict("china domain", own, f"{host}; it needs an ICP filing (备案) with the region's operator", mend)
