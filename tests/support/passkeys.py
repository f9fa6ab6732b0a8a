"""An authenticator of passkeys in software, for tests without a browser (WebAuthn level 3, CTAP 2).

It answers the options that the server gives with what a browser would send, and can be told to answer wrongly.
"""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass(frozen=True)
class Credential:
    """A passkey as its authenticator keeps it."""

    id: bytes
    key: ec.EllipticCurvePrivateKey
    user_handle: bytes


@dataclass
class Authenticator:
    """What a browser and its authenticator would say, at a page of `origin`.

    The fields say how: `counter` is added to at each use (None: it stays 0), `flags` are those of the authenticator
    data, `client` is put over the client data. `rp_id` stands in for that of the options.
    """

    origin: str
    counter: int | None = 0
    flags: int = UP | UV | BE | BS
    rp_id: str = ""
    client: dict[str, Any] = field(default_factory=dict)
    alg: int = -7
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options: Mapping[str, Any], **changes: Any) -> str:
        """The answer to `creation_options`, as JSON; `changes` are fields of this authenticator, for once."""
        if changes:
            return replace(self, **changes).create(options)
        key = ec.generate_private_key(ec.SECP256R1())
        made = Credential(os.urandom(32), key, _bytes(options["user"]["id"]))
        self.credentials.append(made)
        numbers = key.public_key().public_numbers()
        public = {1: 2, 3: self.alg, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(made.id)) + made.id + cbor.encode(public)
        data = self._data(options["rp"]["id"], self.flags | AT) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        response = {
            "clientDataJSON": _text(client),
            "attestationObject": _text(attestation),
            "transports": ["internal", "hybrid"],
        }
        return json.dumps({"id": _text(made.id), "rawId": _text(made.id), "type": "public-key", "response": response})

    def get(self, options: Mapping[str, Any], **changes: Any) -> str:
        """The answer to `request_options`, as JSON, by the last of its credentials that is allowed."""
        if changes:
            return replace(self, **changes).get(options)
        allowed = {_bytes(known["id"]) for known in options["allowCredentials"]}
        used = next(known for known in reversed(self.credentials) if not allowed or known.id in allowed)
        if self.counter is not None:
            self.counter += 1
        data = self._data(options["rpId"], self.flags)
        client = self._client("webauthn.get", options["challenge"])
        signature = used.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": _text(client),
            "authenticatorData": _text(data),
            "signature": _text(signature),
            "userHandle": _text(used.user_handle),
        }
        return json.dumps({"id": _text(used.id), "rawId": _text(used.id), "type": "public-key", "response": response})

    def _data(self, rp_id: str, flags: int) -> bytes:
        counter = self.counter or 0
        return hashlib.sha256((self.rp_id or rp_id).encode()).digest() + struct.pack(">BI", flags, counter)

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.client}
        return json.dumps(said, separators=(",", ":")).encode()


def changed(answer: str, *path: str, value: Any = None) -> str:
    """The answer with another value at this place; None takes it away."""
    body = json.loads(answer)
    at = body
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(body)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
