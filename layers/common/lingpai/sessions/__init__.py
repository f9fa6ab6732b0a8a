"""Sessions: token families, and access tokens in all their forms."""
