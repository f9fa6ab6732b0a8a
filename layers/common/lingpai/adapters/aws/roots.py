"""Whom to trust when AWS is called: Amazon's own five roots, where the layer has them, and else what botocore trusts.

Reading botocore's 126 roots takes long at a cold start (docs/performance.md). AWS's commercial regions have their
certificates from Amazon Trust Services, who want a trust store of one's own to hold all five of their roots
(https://www.amazontrust.com/repository/).
Other partitions (China, GovCloud, the European Sovereign Cloud) may have others, and so may an address that somebody
set: there botocore's list stays. AWS_CA_BUNDLE wins, as ever.
"""

import os
from pathlib import Path
from typing import Any

import botocore

_ROOTS = Path(__file__).with_name("amazon_roots.pem")


def trust_amazon(session: Any, region: str) -> None:
    """Let the clients that this botocore session makes for AWS in `region` trust Amazon's roots alone."""
    if _amazons(region):
        session.set_config_variable("ca_bundle", str(_ROOTS))


def trusted(region: str) -> str:
    """The file of those that a client for AWS in `region` trusts, the same as botocore's clients."""
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if bundle:
        return bundle
    return str(_ROOTS if _amazons(region) else Path(botocore.__file__).with_name("cacert.pem"))


def _amazons(region: str) -> bool:
    # A variable that is empty counts as not set, as everywhere.
    elsewhere = any(value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL"))
    return not elsewhere and not os.environ.get("AWS_CA_BUNDLE") and _commercial(region) and _ROOTS.exists()


def _commercial(region: str) -> bool:
    """Whether it is of the partition `aws`: us-gov-west-1, us-iso-east-1 and eusc-de-east-1 have a word more."""
    return region.count("-") == 2 and not region.startswith("cn-")
