# mypy: ignore-errors
# Django is in the peer's environment alone.
"""The Django project for gunicorn."""

from benchmarks.peers.apps.django_app import create_app

application = create_app()
