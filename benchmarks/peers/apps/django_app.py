# mypy: ignore-errors
# Django and django-oauth-toolkit are in the peer's environment alone.
"""A django-oauth-toolkit server on SQLite: the settings of `django-admin startproject`, and what its page adds.

`PEER_VARIANT`: `default`, or `tuned` for what the documentation offers to those in a hurry: client secrets that are not
hashed (`hash_client_secret`), and a connection to the database that is kept (`CONN_MAX_AGE`).

https://django-oauth-toolkit.readthedocs.io/en/latest/getting_started.html
"""

import datetime
import sqlite3
import uuid

import django
from django.conf import settings

from benchmarks.peers.apps import CLIENTS, folder, secret, variant, versions
from benchmarks.peers.worker import wsgi_app
from benchmarks.peers.workloads import REFRESH, Calls

settings.configure(
    SECRET_KEY="of a project that is removed when the measurement ends",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    ROOT_URLCONF=__name__,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder() / "db.sqlite3",
            # A connection for each request, unless told otherwise.
            "CONN_MAX_AGE": None if variant() == "tuned" else 0,
        }
    },
    USE_TZ=True,
    STATIC_URL="static/",
    OAUTH2_PROVIDER={"SCOPES": {"read": "Reading scope", "write": "Writing scope"}},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from oauth2_provider import urls  # noqa: E402
from oauth2_provider.models import AccessToken, Application, RefreshToken  # noqa: E402

urlpatterns = [path("o/", include(urls))]


def populate():
    """Make the tables, the user and the clients."""
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice")
    for client_id in set(CLIENTS.values()):
        refreshes = client_id == CLIENTS[REFRESH]
        Application.objects.create(
            user=user,
            client_id=client_id,
            client_secret=secret(),
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=(
                Application.GRANT_PASSWORD if refreshes else Application.GRANT_CLIENT_CREDENTIALS
            ),
            hash_client_secret=variant() != "tuned",
        )


def open_sessions(count):
    """The refresh tokens of so many new sessions."""
    app = Application.objects.get(client_id=CLIENTS[REFRESH])
    refresh_tokens = []
    for _ in range(count):
        expires = timezone.now() + datetime.timedelta(hours=10)
        own = {"user": app.user, "application": app}
        access = AccessToken.objects.create(token=str(uuid.uuid4()), expires=expires, scope="read", **own)
        refresh_tokens.append(RefreshToken.objects.create(token=str(uuid.uuid4()), access_token=access, **own).token)
    connection.close()
    return refresh_tokens


def made_of():
    """See `apps.versions`."""
    return versions("django", "django-oauth-toolkit", "oauthlib") | {"sqlite": sqlite3.sqlite_version}


def open_app():
    """See `worker.App`."""
    return wsgi_app(get_wsgi_application(), Calls("/o/token/", "/o/introspect/", CLIENTS, secret()))
