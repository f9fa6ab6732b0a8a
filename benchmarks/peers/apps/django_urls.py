# mypy: ignore-errors
# django-oauth-toolkit is in the peer's environment alone.
"""The addresses of the Django project."""

from django.urls import include, path
from oauth2_provider import urls

urlpatterns = [path("o/", include(urls))]
