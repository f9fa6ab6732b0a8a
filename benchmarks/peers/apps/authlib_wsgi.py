# mypy: ignore-errors
# Flask is in the peer's environment alone.
"""The Authlib server for gunicorn."""

from benchmarks.peers.apps.authlib_app import create_app

application = create_app()
