"""The store of the local server: a DynamoDB inside this process, or one at `DYNAMODB_ENDPOINT`.

The environment is set so that AWS clients of this process reach that store and no AWS account.
"""

import urllib.parse
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import botocore.config
import botocore.exceptions

from local import embedded
from local.errors import LocalError
from local.template import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Variables that would direct AWS clients to another store.
_ELSEWHERE = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_SESSION_TOKEN")


class StoreError(LocalError):
    """The store cannot be used. The message says which and why."""


@dataclass(frozen=True)
class Store:
    """Where the data is, and whether it outlives the process. A `serial` store takes one request at a time."""

    where: str
    kept: bool
    serial: bool


def embedded_answer(operation: str, body: bytes) -> tuple[int, bytes]:
    """Return the embedded store's answer to a DynamoDB request: HTTP status and JSON.

    `operation` is the value of X-Amz-Target, for example `DynamoDB_20120810.GetItem`.
    """
    import boto3.session
    import botocore.awsrequest
    from moto.core.models import botocore_stubber

    region = boto3.session.Session().region_name
    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=f"https://dynamodb.{region}.amazonaws.com/",
        headers={
            "X-Amz-Target": operation,
            "Content-Type": "application/x-amz-json-1.0",
            # moto takes account and region from it, and verifies no signature.
            "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20300101/{region}/dynamodb/aws4_request",
        },
        data=body,
    )
    answer = botocore_stubber("before-send.dynamodb", request.prepare())
    if answer is None:
        raise StoreError("the embedded DynamoDB does not run in this process")
    return int(answer.status_code), bytes(answer.content)


@contextmanager
def open_store(endpoint: str | None, environ: MutableMapping[str, str]) -> Iterator[Store]:
    """Direct AWS clients of this process to the local store, by `environ`, as long as the context lasts."""
    if endpoint:
        with _remote(endpoint, environ) as store:
            yield store
    else:
        with _embedded(environ) as store:
            yield store


@contextmanager
def _remote(endpoint: str, environ: MutableMapping[str, str]) -> Iterator[Store]:
    url = urllib.parse.urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise StoreError(f"DYNAMODB_ENDPOINT: {endpoint!r} is not an address such as http://127.0.0.1:8000")
    environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    # DynamoDB Local refuses keys that are not letters and digits.
    if not environ.get("AWS_PROFILE") and not environ.get("AWS_ACCESS_KEY_ID"):
        environ["AWS_ACCESS_KEY_ID"] = environ["AWS_SECRET_ACCESS_KEY"] = "local"
    yield Store(where=f"DynamoDB at {endpoint}", kept=True, serial=False)


@contextmanager
def _embedded(environ: MutableMapping[str, str]) -> Iterator[Store]:
    for name in _ELSEWHERE:
        environ.pop(name, None)
    import moto

    with moto.mock_aws(), embedded.bounded_memory():
        # In moto two conditional writes at once would both succeed.
        yield Store(where="embedded DynamoDB", kept=False, serial=True)


def connect(region: str | None = None) -> "DynamoDBClient":
    """Return a client of the store that the environment names. It soon gives up on a store that does not answer.

    `region` is for an environment that names none.
    """
    import boto3.session

    config = botocore.config.Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2})
    return boto3.session.Session(region_name=region).client("dynamodb", config=config)


def create_tables(
    client: "DynamoDBClient", tables: Iterable[Table], prefix: str = "", *, streams: bool = False
) -> list[str]:
    """Create the missing ones of `tables`, each named `prefix` + its name, with `streams` or without; return all names.

    Existing tables are left alone. Raises StoreError when the store does not answer.
    """
    try:
        return [_create(client, table, prefix + table.name, streams=streams) for table in tables]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise StoreError(f"cannot create the tables: {error}") from error


def _create(client: "DynamoDBClient", table: Table, name: str, *, streams: bool) -> str:
    stream = {"StreamSpecification": table.stream} if streams and table.stream else {}
    try:
        client.create_table(**{**table.create, **stream, "TableName": name})
    except client.exceptions.ResourceInUseException:
        return name
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    if table.ttl:
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.ttl}
        )
    return name
