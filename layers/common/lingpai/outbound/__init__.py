"""How third parties are called: one HTTP client, whose every step ends by the request's deadline."""
