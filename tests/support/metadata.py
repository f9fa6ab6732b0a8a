"""What RFC 8414 has this server say of itself."""

import re
from typing import Any

from tests.support.stores import ROOT


def grant_types() -> list[str]:
    """What the first column of the table of grants in docs/api.md has, in order."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    rows = page.partition("\n| `grant_type` |")[2].partition("\n\n")[0]
    found = sorted(re.findall(r"^\| `([^`]+)` \|", rows, re.MULTILINE))
    assert {"client_credentials", "password", "refresh_token"} < set(found)
    return found


def metadata_of(issuer: str) -> dict[str, Any]:
    """The whole document of a server at this address."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": grant_types(),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
