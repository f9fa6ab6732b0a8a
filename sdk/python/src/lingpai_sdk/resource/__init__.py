"""Verify access tokens of Lingpai in an API (a resource server): by their signature, or by introspection.

Use `Verifier` or `AsyncVerifier`, or the module for your framework: `fastapi`, `flask`, `django` or `drf`. This package
needs PyJWT: install `lingpai-sdk[resource]`, or the extra of the framework.
"""

from lingpai_sdk.resource._errors import (
    InsufficientAuthentication,
    InsufficientScope,
    InvalidProof,
    InvalidToken,
    MissingToken,
    Unavailable,
    VerificationError,
)
from lingpai_sdk.resource._replay import AsyncReplayCache, MemoryReplayCache, ReplayCache
from lingpai_sdk.resource._tokens import AccessToken, bearer_token
from lingpai_sdk.resource._verifier import AsyncVerifier, Verifier

__all__ = [
    "AccessToken",
    "AsyncReplayCache",
    "AsyncVerifier",
    "InsufficientAuthentication",
    "InsufficientScope",
    "InvalidProof",
    "InvalidToken",
    "MemoryReplayCache",
    "MissingToken",
    "ReplayCache",
    "Unavailable",
    "VerificationError",
    "Verifier",
    "bearer_token",
]
