"""OAuth 2.0: scopes, grants, the token endpoint, introspection, revocation, metadata."""
