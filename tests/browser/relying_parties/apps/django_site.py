"""A Django site that logs people in by mozilla-django-oidc: its own routes, PKCE, silent renewal, logout."""

import os
import secrets
import sys
from typing import Any
from urllib.parse import urlencode

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

ISSUER = os.environ["ISSUER"]
HERE = sys.modules[__name__].__name__

settings.configure(
    DEBUG=False,
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
    },
    SECRET_KEY=os.environ["CLIENT_SECRET"],
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=HERE,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "mozilla_django_oidc.middleware.SessionRefresh",
    ],
    AUTHENTICATION_BACKENDS=[f"{HERE}.Backend"],
    SESSION_COOKIE_NAME="django",
    OIDC_AUTHENTICATE_CLASS=f"{HERE}.Begin",
    OIDC_RP_CLIENT_ID=os.environ["CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid profile phone roles",
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/oauth/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/oauth/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/oauth/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/.well-known/jwks.json",
    OIDC_OP_LOGOUT_URL_METHOD=f"{HERE}.logout_url",
    OIDC_USE_PKCE=True,
    OIDC_STORE_ID_TOKEN=True,
    OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS=2,
    OIDC_EXEMPT_URLS=["home"],
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
    LOGIN_REDIRECT_URL_FAILURE="/failure",
    ALLOW_LOGOUT_GET_METHOD=True,
)
django.setup()

# They read the settings, and the models need the set-up above.
from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # noqa: E402
from mozilla_django_oidc.views import OIDCAuthenticationRequestView  # noqa: E402


class Backend(OIDCAuthenticationBackend):
    """Accounts by `sub`, since Lingpai knows no e-mail addresses."""

    def get_userinfo(self, access_token: str, id_token: str, payload: Any) -> Any:
        claims = super().get_userinfo(access_token, id_token, payload)
        self.request.session["claims"], self.request.session["userinfo"] = payload, claims
        return claims

    def filter_users_by_claims(self, claims: Any) -> Any:
        return self.UserModel.objects.filter(username=claims["sub"])

    def create_user(self, claims: Any) -> Any:
        return self.UserModel.objects.create_user(claims["sub"], first_name=claims.get("name", ""))


class Begin(OIDCAuthenticationRequestView):
    """The library's view, with `prompt`."""

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        return request.GET.dict()


def logout_url(request: HttpRequest) -> str:
    """The address to log out at (OpenID Connect RP-Initiated Logout 1.0 section 2)."""
    asked = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": f"{os.environ['BASE_URL']}/",
        "state": secrets.token_urlsafe(),
    }
    return f"{ISSUER}/oauth/logout?{urlencode(asked)}"


def home(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"claims": request.session.get("claims") if request.user.is_authenticated else None})


def userinfo(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.session["userinfo"])


def failure(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"error": "login failed"}, status=400)


urlpatterns = [
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("", home, name="home"),
    path("userinfo", userinfo),
    path("failure", failure),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False)
