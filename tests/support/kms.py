"""A KMS on this machine: an HTTP server that makes key pairs, and wraps and unwraps as AWS KMS does.

Its wrapping is AES-GCM with the encryption context authenticated, so that what was wrapped under one context, or by
another key, does not open. It counts what it is asked, and refuses what `denied` names.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lingpai.aws.client import aws_client
from lingpai.signing_keys.kms import KmsKeyWrapper
from lingpai.signing_keys.stores import LocalKeyWrapper
from tests.support.background import answering
from tests.support.logs import LOGS
from tests.support.stores import settings

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_SPECS = {"ECC_NIST_P256": "ES256", "RSA_2048": "RS256"}
_NONCE = 12


@dataclass
class Kms:
    """The server's address, what it was asked (operation and encryption context), and what it refuses."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    _keys: dict[str, AESGCM] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def operations(self) -> list[str]:
        """What was asked, in order."""
        return [operation for operation, _ in self.asked]

    def client(self) -> Any:
        """A client of it."""
        chosen = settings(aws_transport="botocore", store_attempts=1, store_connect_timeout=5, store_read_timeout=10)
        return aws_client(chosen, "kms", self.url, ("testing", "testing"))

    def wrapper(self, key: str = KEY_ARN) -> KmsKeyWrapper:
        """A key wrapper on one of its keys; each key is made when it is first named."""
        return KmsKeyWrapper(settings(keys_kms_key=key), self.client)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body; the errors are those of the API reference."""
        with self._guard:
            self.asked.append((operation, asked.get("EncryptionContext", {})))
            cipher = self._keys.setdefault(asked["KeyId"], AESGCM(AESGCM.generate_key(256)))
        if operation in self.denied:
            return 400, {"__type": "AccessDeniedException", "message": "is not authorized to perform: kms:" + operation}
        context = json.dumps(asked.get("EncryptionContext", {}), sort_keys=True).encode()
        if operation == "GenerateDataKeyPairWithoutPlaintext":
            pair = LocalKeyWrapper().generate(_SPECS[asked["KeyPairSpec"]], 0)
            LOGS.hush("private key", base64.b64encode(pair.private).decode())
            nonce = AESGCM.generate_key(128)[:_NONCE]
            wrapped = nonce + cipher.encrypt(nonce, pair.private, context)
            return 200, {
                "KeyId": asked["KeyId"],
                "KeyPairSpec": asked["KeyPairSpec"],
                "PublicKey": base64.b64encode(pair.public).decode(),
                "PrivateKeyCiphertextBlob": base64.b64encode(wrapped).decode(),
            }
        if operation == "Encrypt":
            nonce = AESGCM.generate_key(128)[:_NONCE]
            wrapped = nonce + cipher.encrypt(nonce, base64.b64decode(asked["Plaintext"]), context)
            return 200, {"KeyId": asked["KeyId"], "CiphertextBlob": base64.b64encode(wrapped).decode()}
        assert operation == "Decrypt", operation
        blob = base64.b64decode(asked["CiphertextBlob"])
        try:
            plain = cipher.decrypt(blob[:_NONCE], blob[_NONCE:], context)
        except (InvalidTag, ValueError):
            return 400, {"__type": "InvalidCiphertextException"}
        return 200, {"KeyId": asked["KeyId"], "Plaintext": base64.b64encode(plain).decode()}


@contextmanager
def running() -> Iterator[Kms]:
    """A KMS on a free port, until the context ends."""
    kms = Kms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = kms.answer(operation, asked)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in the library
            """Say nothing."""

    with answering(Handler) as kms.url:
        yield kms
