"""ALTCHA's proof of work, version 2: no third party is asked.

https://altcha.org/docs/v2/proof-of-work-captcha
https://github.com/altcha-org/altcha (`src/pow.ts`: challenge, solution and signature)

The challenge is made in "deterministic mode": it has the first half of a key that PBKDF2 derives from a secret
counter. Who solves it tries counters from 0 until the derived key begins like that. The whole key is the solution. Its
HMAC is in the challenge, so that verifying derives nothing, and the challenge is signed, so that nothing is stored for
it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lingpai.captcha.model import Solved, Subject
from lingpai.captcha.provider import BadSolution
from lingpai.kernel.clock import Clock

if TYPE_CHECKING:
    from lingpai.captcha.settings import CaptchaSettings

NAME = "altcha"
_KEY_BYTES = 32
_PREFIX_BYTES = 16
# A solution of ours takes less than a thousand.
_LONGEST = 4096


class Altcha:
    """See `Captcha`. `pepper` returns the deployment's secret, which the keys of the signatures are derived from."""

    def __init__(self, settings: "CaptchaSettings", pepper: Callable[[], bytes], clock: Clock) -> None:
        self._settings = settings
        self._pepper = pepper
        self._clock = clock

    def challenge(self, subject: Subject) -> Mapping[str, Any]:
        """See `Captcha`: `challenge` is what ALTCHA's widget takes."""
        settings, clock = self._settings, self._clock
        nonce, salt = clock.random_bytes(16), clock.random_bytes(16)
        counter = int.from_bytes(clock.random_bytes(8)) % settings.altcha_tries
        derived = derive_key(nonce, salt, counter, settings.altcha_cost)
        parameters = {
            "algorithm": "PBKDF2/SHA-256",
            "cost": settings.altcha_cost,
            "data": {"for": subject.mark(self._pepper())},
            "expiresAt": clock.now() + settings.captcha_ttl,
            "keyLength": _KEY_BYTES,
            "keyPrefix": derived[:_PREFIX_BYTES].hex(),
            "keySignature": self._sign("key", derived),
            "nonce": nonce.hex(),
            "salt": salt.hex(),
        }
        signed = {"parameters": parameters, "signature": self._sign("challenge", _canonical(parameters))}
        return {"provider": NAME, "challenge": signed}

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:  # noqa: ARG002  others send it
        """See `Captcha`: `solution` is what ALTCHA's widget puts into its form, base64 of JSON."""
        if len(solution) > _LONGEST:
            raise BadSolution
        try:
            content = json.loads(base64.b64decode(solution, validate=True))
            parameters, signature = content["challenge"]["parameters"], content["challenge"]["signature"].encode()
            derived = bytes.fromhex(content["solution"]["derivedKey"])
            expected = self._sign("challenge", _canonical(parameters)).encode()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise BadSolution from None
        if not hmac.compare_digest(signature, expected):
            raise BadSolution
        # From here on, `parameters` are as they were made above.
        is_right = hmac.compare_digest(self._sign("key", derived), parameters["keySignature"])
        is_for = hmac.compare_digest(subject.mark(self._pepper()), parameters["data"]["for"])
        if not (is_right and is_for) or self._clock.now() >= parameters["expiresAt"]:
            raise BadSolution
        return Solved(parameters["nonce"], parameters["expiresAt"])

    def secret(self, use: str) -> str:
        """The secret that signs a `challenge`, or the `key` that solves it: 64 hexadecimal digits."""
        return hmac.digest(self._pepper(), f"altcha:{use}".encode(), "sha256").hex()

    def _sign(self, use: str, content: bytes) -> str:
        return hmac.digest(self.secret(use).encode(), content, "sha256").hex()


def derive_key(nonce: bytes, salt: bytes, counter: int, cost: int) -> bytes:
    """The key of a counter: PBKDF2-HMAC-SHA-256 with `cost` iterations, of the nonce and the counter (32 bits)."""
    return hashlib.pbkdf2_hmac("sha256", nonce + counter.to_bytes(4), salt, cost, _KEY_BYTES)


def _canonical(parameters: Any) -> bytes:
    """The JSON that is signed: names in their order, no spaces."""
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
