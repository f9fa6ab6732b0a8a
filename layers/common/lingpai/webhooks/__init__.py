"""Webhooks: events for other services, and the logouts that OpenID clients are told of, by HTTPS and signed."""
