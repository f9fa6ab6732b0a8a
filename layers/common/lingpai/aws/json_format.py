"""What AWS's JSON services are sent, and what they answer."""

import binascii
import zlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from botocore.exceptions import BotoCoreError, ChecksumError, ClientError


@dataclass(frozen=True)
class Service:
    """A service: its name in signatures, the prefix of its operations, its protocol, and its binary members."""

    name: str
    prefix: str
    protocol: str
    binary: tuple[str, ...] = ()


# A binary value of DynamoDB is {"B": text}. (The value of an attribute called B is no text, but a dictionary.)
DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "1.0", ("B",))
KMS = Service("kms", "TrentService", "1.1", ("Plaintext", "CiphertextBlob", "PublicKey", "PrivateKeyCiphertextBlob"))
SQS = Service("sqs", "AmazonSQS", "1.0")
EVENTS = Service("events", "AWSEvents", "1.1")
SECRETS = Service("secretsmanager", "secretsmanager", "1.1")
SERVICES = {each.name: each for each in (DYNAMODB, KMS, SQS, EVENTS, SECRETS)}


class UnreadableError(BotoCoreError):
    """The answer is no JSON object. botocore would make an empty one of it: an item that is not there."""

    fmt = "The answer to {operation} cannot be read"


def write(arguments: Mapping[str, Any]) -> bytes:
    """The arguments as JSON, with base64 for bytes."""
    return orjson.dumps(arguments, default=lambda value: binascii.b2a_base64(value, newline=False).decode())


def check_sum(headers: Mapping[str, str], body: bytes) -> None:
    """ChecksumError where the body is not what DynamoDB's checksum says; other services send none."""
    expected, found = headers.get("x-amz-crc32"), str(zlib.crc32(body))
    if expected not in (None, found):
        raise ChecksumError(checksum_type="crc32", expected_checksum=expected, actual_checksum=found)


def read(body: bytes, binary: Container[str]) -> dict[str, Any] | None:
    """The JSON object in a body, with bytes for base64 under the names `binary`; None for what is no JSON object.

    An empty body is an empty object.
    """
    try:
        found = _with_bytes(orjson.loads(body or b"{}"), binary)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def content(service: Service, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """What an answer of the service says; ClientError where it refuses, BotoCoreError where it cannot be read."""
    check_sum(headers, body)
    found = read(body, service.binary)
    if status != 200:
        raise _refusal(operation, status, headers, found or {})
    if found is None:
        raise UnreadableError(operation=operation)
    return found


def _refusal(operation: str, status: int, headers: Mapping[str, str], found: dict[str, Any]) -> ClientError:
    """The error that an answer tells: its code, its message, and whatever else the answer holds."""
    kind = headers.get("x-amzn-errortype") or found.pop("__type", None) or str(status)
    # The name of the error may have the service's before it, and an address behind.
    code = str(kind).partition(":")[0].rpartition("#")[2]
    error = {"Code": code, "Message": found.pop("message", None) or found.pop("Message", None) or ""}
    response: Any = {**found, "Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
    return ClientError(response, operation)


def _with_bytes(value: Any, binary: Container[str]) -> Any:
    """The value with bytes for base64 wherever these names stand, however deep."""
    if isinstance(value, list):
        return [_with_bytes(each, binary) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: binascii.a2b_base64(each) if name in binary and isinstance(each, str) else _with_bytes(each, binary)
        for name, each in value.items()
    }
