"""Authorization requests of browsers (OpenID Connect Core section 3.1), pushed requests, and authorization codes."""
