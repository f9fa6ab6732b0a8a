"""What RFC 8414 has this server say of itself."""

from typing import Any


def metadata_of(issuer: str) -> dict[str, Any]:
    """The whole document of a server at this address."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [
            "client_credentials",
            "password",
            "refresh_token",
            "urn:lingpai:grant:mobile-code",
            "urn:lingpai:grant:sign",
        ],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
