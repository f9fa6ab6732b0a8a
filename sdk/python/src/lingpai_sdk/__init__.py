"""A client of Lingpai: `UserCenter` has the calls of the user centre, `Lingpai` the grants of OAuth 2.0.

What this module names is the package's interface; the modules whose names begin with an underscore may change.
"""

from lingpai_sdk._base import DEFAULT_TIMEOUT
from lingpai_sdk.challenge import AsyncChallenge, Challenge
from lingpai_sdk.digests import Digests, digests
from lingpai_sdk.errors import (
    BadAnswer,
    ConnectionFailed,
    InvalidSession,
    LingpaiSDKError,
    RedirectToWeb,
    Refused,
    Timeout,
    TransportError,
)
from lingpai_sdk.oauth import AsyncLingpai, Lingpai
from lingpai_sdk.results import Introspection, NextStep, Role, ServerMetadata, Tokens, User
from lingpai_sdk.usercenter import UserCenter

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_TIMEOUT",
    "AsyncChallenge",
    "AsyncLingpai",
    "BadAnswer",
    "Challenge",
    "ConnectionFailed",
    "Digests",
    "Introspection",
    "InvalidSession",
    "Lingpai",
    "LingpaiSDKError",
    "NextStep",
    "RedirectToWeb",
    "Refused",
    "Role",
    "ServerMetadata",
    "Timeout",
    "Tokens",
    "TransportError",
    "User",
    "UserCenter",
    "digests",
]
