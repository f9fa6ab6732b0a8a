"""Sessions: token families, refresh token rotation, and access tokens in all their forms."""
