# mypy: ignore-errors
# Django reads these names; there is nothing here to check types of.
"""Settings of a Django project: those of `django-admin startproject`, and what django-oauth-toolkit's page adds.

https://django-oauth-toolkit.readthedocs.io/en/latest/getting_started.html
"""

from benchmarks.peers.apps import place

SECRET_KEY = "of a project that is removed when the measurement ends"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "oauth2_provider",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "benchmarks.peers.apps.django_urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": place.folder() / "db.sqlite3",
        # https://docs.djangoproject.com/en/stable/ref/databases/#persistent-connections: a new one for each request,
        # unless told otherwise.
        "CONN_MAX_AGE": None if place.variant() == "tuned" else 0,
    }
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"

OAUTH2_PROVIDER = {"SCOPES": {"read": "Reading scope", "write": "Writing scope"}}
