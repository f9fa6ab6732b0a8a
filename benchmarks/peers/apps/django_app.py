# mypy: ignore-errors
# Django and django-oauth-toolkit are in the peer's environment alone.
"""A django-oauth-toolkit server, on SQLite, as its documentation sets it up.

`PEER_VARIANT`: `default`, or `tuned` for what the documentation offers to those in a hurry: client secrets that are not
hashed (`hash_client_secret`), and a connection to the database that is kept (`CONN_MAX_AGE`).
"""

import datetime
import importlib.metadata
import os
import platform
import sqlite3

from benchmarks.peers.apps import place
from benchmarks.peers.apps.wsgi import WsgiApp
from benchmarks.peers.workloads import REFRESH, Calls

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.apps.django_settings"


def create_app():
    """The application of the project (its `wsgi.py`)."""
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def populate():
    """Fill the store; give sessions, and of what the server is made."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)

    from django.contrib.auth.models import User
    from django.db import connection
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    user = User.objects.create_user("alice")
    sessions = [f"first-{number}-{place.secret()}" for number in range(place.SESSIONS)]
    apps = {}
    for client_id in set(place.CLIENTS.values()):
        refreshes = client_id == place.CLIENTS[REFRESH]
        apps[client_id] = Application.objects.create(
            user=user,
            client_id=client_id,
            client_secret=place.secret(),
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=(
                Application.GRANT_PASSWORD if refreshes else Application.GRANT_CLIENT_CREDENTIALS
            ),
            hash_client_secret=place.variant() != "tuned",
        )
    for number, token in enumerate(sessions):
        app = apps[place.CLIENTS[REFRESH]]
        access = AccessToken.objects.create(
            user=user,
            token=f"access-{number}",
            application=app,
            expires=timezone.now() + datetime.timedelta(hours=10),
            scope="read",
        )
        RefreshToken.objects.create(user=user, token=token, application=app, access_token=access)
    connection.close()
    names = ("django", "django-oauth-toolkit", "oauthlib")
    versions = {name: importlib.metadata.version(name) for name in names}
    return {
        "sessions": sessions,
        "versions": versions | {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version},
    }


def calls():
    """How it is asked."""
    return Calls("/o/token/", "/o/introspect/", place.CLIENTS, place.secret())


def open_app():
    """See `worker.App`."""
    return WsgiApp(create_app(), calls())
