"""The certificate authorities to trust for AWS.

Reading botocore's 126 takes long at a cold start (docs/performance.md). AWS's commercial regions have their
certificates from Amazon Trust Services, who ask that a trust store hold all five of their roots
(https://www.amazontrust.com/repository/): the layer's build writes those into a file. Other partitions, and addresses
that somebody set, may have others: there botocore's list stays.
"""

import os
import re
from pathlib import Path

import botocore

BOTOCORES = str(Path(botocore.__file__).with_name("cacert.pem"))
_AMAZONS = Path(__file__).with_name("amazon_roots.pem")
_COMMERCIAL = re.compile(r"(?!cn-)[a-z]{2}-[a-z]+-[0-9]+")


def trust_store(region: str) -> str | None:
    """The file of the authorities to trust for AWS in `region`; None for botocore's own choice.

    AWS_CA_BUNDLE wins. A variable that is empty counts as not set.
    """
    elsewhere = any(value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL"))
    amazons = not elsewhere and _COMMERCIAL.fullmatch(region) and _AMAZONS.exists()
    return os.environ.get("AWS_CA_BUNDLE") or (str(_AMAZONS) if amazons else None)
