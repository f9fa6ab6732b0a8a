"""Write a seed to give to a deployment that the black-box suite is to be run against.

    .venv/bin/python -m tools.blackbox_seed > seed.json

The clients, roles and users of the demo data, with secrets of their own: the file is to be kept from others.
"""

import json
import secrets
from typing import Any

from local.seed import DEMO


def with_secrets() -> dict[str, Any]:
    """The demo data, with new secrets and passwords."""
    content: dict[str, Any] = json.loads(json.dumps(DEMO))
    for client in content["clients"]:
        if "client_secret" in client:
            client["client_secret"] = secrets.token_urlsafe(24)
    for user in content["users"]:
        user["password"] = secrets.token_urlsafe(24)
    return content


if __name__ == "__main__":
    print(json.dumps(with_secrets(), indent=1))
