"""What RFC 8414 and OpenID Connect Discovery have this server say of itself."""

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
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "authorization_challenge_endpoint": f"{issuer}/oauth/challenge",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "end_session_endpoint": f"{issuer}/oauth/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": ["openid", "profile", "phone", "roles"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": grant_types(),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"],
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "acr_values_supported": ["1", "2"],
        "claims_supported": [
            *("iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash", "sid"),
            *("sub", "name", "preferred_username", "picture", "gender", "birthdate"),
            *("phone_number", "phone_number_verified", "roles"),
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["zh", "en"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
