"""Login methods as `amr` values (RFC 8176 section 2), for `Session.methods`."""

from typing import Any

PASSWORD = "pwd"
# A code sent to the account's mobile number.
SMS = "sms"
# An identity at a third party: an ID token, a WeChat code, a trusted client's openid. RFC 8176 has no value for it;
# Microsoft's identity platform uses "fed".
FEDERATED = "fed"

# A one-time password: TOTP (RFC 6238) or a recovery code.
OTP = "otp"
# A passkey proves that its holder possesses a key, and may prove that the authenticator has verified who that is.
POSSESSION, USER_VERIFIED = "pop", "user"
# More than one factor was proven. It stands beside the methods that proved them.
TWO_FACTORS = "mfa"

# The `acr` of a login (OpenID Connect Core section 2): the number of factors.
ACR_ONE, ACR_TWO = "1", "2"


def acr(methods: tuple[str, ...]) -> str | None:
    """The authentication context class of a login by these methods; None if they are unknown."""
    if not methods:
        return None
    return ACR_TWO if TWO_FACTORS in methods else ACR_ONE


def claims(methods: tuple[str, ...], auth_time: int) -> dict[str, Any]:
    """`auth_time`, `acr` and `amr` of a login (RFC 9068 section 2.2.1, RFC 9470 section 6); empty if it is unknown."""
    known = {"auth_time": auth_time or None, "acr": acr(methods), "amr": list(methods) or None}
    return {name: value for name, value in known.items() if value is not None}
