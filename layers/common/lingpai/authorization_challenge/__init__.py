"""Logins in an app without a browser: the authorization challenge endpoint (draft-ietf-oauth-first-party-apps)."""
