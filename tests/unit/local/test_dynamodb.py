"""The store of the local server and its tables."""

import gc
import socket
from collections import Counter
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamo_type, table

from local.dynamodb import StoreError, connect, create_tables, open_store
from local.template import Table

TABLES = (
    Table(
        "Items",
        {
            "TableName": "Items",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        },
        ttl="ttl",
    ),
    Table(
        "Owners",
        {
            "TableName": "Owners",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        },
        ttl=None,
    ),
)


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region to be in, and nothing else of the caller's AWS configuration."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_embedded_store() -> None:
    """It forgets its data, wants one request at a time, and ignores where the caller's AWS is."""
    environ = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "http://elsewhere"}
    with open_store(None, environ) as store:
        assert (store.kept, store.serial) == (False, True)
        assert environ == {}
        assert connect().list_tables()["TableNames"] == []


def test_create_tables() -> None:
    """Tables come with their TTL, under a prefix if one is given, and a second time changes nothing."""
    with open_store(None, {}):
        client = connect()
        assert create_tables(client, TABLES) == ["Items", "Owners"]
        client.put_item(TableName="Items", Item={"id": {"S": "a"}})
        assert create_tables(client, TABLES) == ["Items", "Owners"]
        assert "Item" in client.get_item(TableName="Items", Key={"id": {"S": "a"}})
        assert create_tables(client, TABLES, prefix="t1-") == ["t1-Items", "t1-Owners"]
        assert client.list_tables()["TableNames"] == ["Items", "Owners", "t1-Items", "t1-Owners"]
        ttl = client.describe_time_to_live(TableName="t1-Items")["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
        assert client.describe_table(TableName="t1-Owners")["Table"]["KeySchema"] == [
            {"AttributeName": "key", "KeyType": "HASH"}
        ]


PAIRS = Table(
    "Pairs",
    {
        "TableName": "Pairs",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "part", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "part", "AttributeType": "S"},
        ],
    },
    ttl=None,
)


def everything(client: Any) -> dict[str, list[Any]]:
    """The items of all tables."""
    return {name: sorted(client.scan(TableName=name)["Items"], key=str) for name in client.list_tables()["TableNames"]}


@pytest.mark.security("F2")
def test_a_transaction_that_fails_changes_nothing() -> None:
    """Whatever its writes did before the one that failed, in tables with one key and with two."""
    with open_store(None, {}):
        client: Any = connect()
        create_tables(client, (*TABLES, PAIRS))
        for key in (
            {"TableName": "Items", "Item": {"id": {"S": "old"}, "n": {"N": "1"}, "list": {"L": [{"S": "a"}]}}},
            {"TableName": "Items", "Item": {"id": {"S": "going"}}},
            {"TableName": "Pairs", "Item": {"id": {"S": "a"}, "part": {"S": "1"}, "n": {"N": "1"}}},
        ):
            client.put_item(**key)
        before = everything(client)
        change = "SET n = n + :one"
        writes: list[Any] = [
            {"Put": {"TableName": "Items", "Item": {"id": {"S": "new"}}}},
            {"Delete": {"TableName": "Items", "Key": {"id": {"S": "going"}}}},
            {"Put": {"TableName": "Pairs", "Item": {"id": {"S": "b"}, "part": {"S": "1"}}}},
            *(
                {
                    "Update": {
                        "TableName": name,
                        "Key": key,
                        "UpdateExpression": change,
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                }
                for name, key in (("Items", {"id": {"S": "old"}}), ("Pairs", {"id": {"S": "a"}, "part": {"S": "1"}}))
            ),
        ]
        fails = {"TableName": "Owners", "Key": {"key": {"S": "x"}}, "ConditionExpression": "attribute_exists(#k)"}
        check = {"ConditionCheck": {**fails, "ExpressionAttributeNames": {"#k": "key"}}}
        with pytest.raises(client.exceptions.TransactionCanceledException):
            client.transact_write_items(TransactItems=[*writes, check])
        assert everything(client) == before
        client.transact_write_items(TransactItems=writes)
        assert everything(client) != before


def alive() -> Counter[str]:
    """How many of moto's tables and items there are in this process, by kind."""
    gc.collect()
    return Counter(type(found).__name__ for found in gc.get_objects() if type(found) in (dynamo_type.Item, table.Table))


@pytest.mark.security("F2")
def test_the_embedded_store_keeps_its_items_alone() -> None:
    """No copy of a table for a transaction, no list of what was once made, nothing of what is not there."""
    before = alive()
    with open_store(None, {}):
        client: Any = connect()
        create_tables(client, (*TABLES, PAIRS))
        for number in range(30):
            put = {"TableName": "Items", "Item": {"id": {"S": "same"}, "n": {"N": str(number)}}}
            client.transact_write_items(TransactItems=[{"Put": put}])
            client.get_item(TableName="Pairs", Key={"id": {"S": str(number)}, "part": {"S": "1"}})
        tables = dict(get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables)
        assert {name: len(table.items) for name, table in tables.items()} == {"Items": 1, "Owners": 0, "Pairs": 0}
        assert alive() - before == {"Table": 3, "Item": 1}


def test_endpoint() -> None:
    """An endpoint keeps its data and takes requests in parallel; keys are made up where there are none."""
    environ: dict[str, str] = {"AWS_ACCESS_KEY_ID": ""}
    with open_store("http://127.0.0.1:8000", environ) as store:
        assert (store.kept, store.serial) == (True, False)
        assert environ == {
            "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
    environ = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "too"}
    with open_store("http://127.0.0.1:8000", environ):
        assert environ["AWS_ACCESS_KEY_ID"] == "mine"


@pytest.mark.parametrize("endpoint", ["localhost", "localhost:8000", "ftp://host", "http://"])
def test_no_endpoint(endpoint: str) -> None:
    """What is no address is refused by name."""
    with pytest.raises(StoreError, match="DYNAMODB_ENDPOINT: "), open_store(endpoint, {}):
        pass


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint where nobody answers is told in one line."""
    with socket.socket() as taken:  # bound but not listening: certain to refuse
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        with pytest.raises(StoreError, match=endpoint) as caught:
            create_tables(connect(), TABLES)
    assert "\n" not in str(caught.value)
