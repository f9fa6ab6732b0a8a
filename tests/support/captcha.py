"""Solve ALTCHA's challenges as its widget does, by what its page says and by nothing of the server."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

# A challenge that is solved in no time.
EASY: dict[str, Any] = {"captcha": "altcha", "altcha_cost": 2, "altcha_tries": 8}


def payload(challenge: Mapping[str, Any], counter: int, derived: bytes) -> str:
    """A solution as the widget's form field has it."""
    solution = {"counter": counter, "derivedKey": derived.hex(), "time": 12.5}
    return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()


def solve(challenge: Mapping[str, Any]) -> str:
    """The solution of a challenge."""
    given = challenge["parameters"]
    assert given["algorithm"] == "PBKDF2/SHA-256"
    nonce, salt = bytes.fromhex(given["nonce"]), bytes.fromhex(given["salt"])
    for counter in range(2**32):
        derived = hashlib.pbkdf2_hmac("sha256", nonce + counter.to_bytes(4), salt, given["cost"], given["keyLength"])
        if derived.hex().startswith(given["keyPrefix"]):
            return payload(challenge, counter, derived)
    raise AssertionError("no solution")
