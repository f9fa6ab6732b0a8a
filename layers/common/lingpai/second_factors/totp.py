"""Codes of authenticator apps (TOTP, RFC 6238): six digits by HMAC-SHA-1, another one every 30 seconds."""

import base64
import hmac
import re

import pyotp

from lingpai.kernel import typed_text

# RFC 4226 section 4, R6: 160 bits are recommended.
SECRET_BYTES = 20
STEP_SECONDS = 30
# RFC 6238 section 5.2: how many steps the clock of an app may be off, each way.
_DRIFT = 1
_CODE_SHAPE = re.compile(r"[0-9]{6}")


def parse_code(typed: str) -> str | None:
    """The code as it was meant; None for a text that can be none."""
    code = typed_text.digits(typed)
    return code if _CODE_SHAPE.fullmatch(code) else None


def key_text(secret: bytes) -> str:
    """The secret as people type it into an app: Base32 (RFC 4648 section 6)."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, account: str, issuer: str) -> str:
    """The content of the QR code, in the format that authenticator apps read (`otpauth://totp/…`).

    `account` and `issuer` are what the app shows.
    """
    return pyotp.TOTP(key_text(secret)).provisioning_uri(name=account, issuer_name=issuer)


def find_step(secret: bytes, code: str, now: int) -> int | None:
    """The time step that the code is for, one of three around `now`; None for a wrong code."""
    codes, current = pyotp.HOTP(key_text(secret)), now // STEP_SECONDS
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(codes.at(step), code):
            found = step
    return found
