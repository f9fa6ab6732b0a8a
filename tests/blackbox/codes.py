"""Codes that a target "sent", read as its operator can: nobody else sees them."""

import hmac
from collections.abc import Callable
from typing import Any

import botocore.session
import httpx

from local import deployment
from tests.blackbox.target import Target


def reader(target: Target) -> Callable[[str], str]:
    """Gives the code last sent to a number, which is in E.164."""
    match target.codes.split(" "):
        case ["local"]:
            return lambda number: _shown(target.url, number)
        case ["stack", name]:
            found = deployment.find(name)
            return from_table(_dynamodb(), found.tables["CODES_TABLE"], deployment.pepper(found))
        case ["table", name, pepper]:
            return from_table(_dynamodb(), name, pepper)
        case _:
            raise ValueError("BLACKBOX_CODES: is `local`, `stack NAME` or `table NAME PEPPER`")


def _shown(url: str, number: str) -> str:
    answer = httpx.get(f"{url}/_local/sms", trust_env=False)
    codes: list[str] = [message["code"] for message in answer.json() if message["to"] == number]
    return codes[-1]


def from_table(client: Any, table: str, pepper: str) -> Callable[[str], str]:
    """The table keeps a keyed hash. With the key, the million codes are tried out in a second or so."""

    def read(number: str) -> str:
        item = client.get_item(TableName=table, Key={"number": {"S": number}}, ConsistentRead=True)["Item"]
        digest: bytes = item["digest"]["B"]
        key = pepper.encode()
        codes = (f"{candidate:06}" for candidate in range(1_000_000))
        return next(code for code in codes if hmac.digest(key, f"{number}:{code}".encode(), "sha256") == digest)

    return read


def _dynamodb() -> Any:
    """A client of the deployment's DynamoDB, with the operator's credentials."""
    return botocore.session.get_session().create_client("dynamodb")
