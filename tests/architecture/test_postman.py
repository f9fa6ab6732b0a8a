"""docs/postman.json: as the script writes it, with each example, and with nothing of the demo clients but variables."""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.examples import EXAMPLES
from tools import write_postman

COLLECTION = json.loads(write_postman.PAGE.read_text("utf-8"))


def items() -> Iterator[dict[str, Any]]:
    for folder in COLLECTION["item"]:
        yield from folder["item"]


def test_the_page_is_up_to_date() -> None:
    """`make openapi` writes what is there."""
    assert write_postman.PAGE.read_text("utf-8") == write_postman.text()


def test_each_example_is_a_request() -> None:
    found = {item["name"]: item["request"] for item in items()}
    assert found.keys() == EXAMPLES.keys()
    assert len(list(items())) == len(EXAMPLES)
    for name, example in EXAMPLES.items():
        assert found[name]["method"] == example.method
        assert found[name]["url"]["raw"] == f"{{{{baseUrl}}}}{example.path}"
        assert found[name]["url"]["raw"] == "/".join([*found[name]["url"]["host"], *found[name]["url"]["path"]])


def test_a_whole_request() -> None:
    found = {item["name"]: item for item in items()}["token-password"]
    assert found == {
        "name": "token-password",
        "request": {
            "method": "POST",
            "url": {"raw": "{{baseUrl}}/oauth/token", "host": ["{{baseUrl}}"], "path": ["oauth", "token"]},
            "header": [],
            "auth": {
                "type": "basic",
                "basic": [
                    {"key": "username", "value": "{{webClientId}}", "type": "string"},
                    {"key": "password", "value": "{{webClientSecret}}", "type": "string"},
                ],
            },
            "body": {
                "mode": "urlencoded",
                "urlencoded": [
                    {"key": "grant_type", "value": "password"},
                    {"key": "username", "value": "alice"},
                    {"key": "password", "value": "correct horse battery"},
                ],
            },
        },
        "event": [
            {
                "listen": "test",
                "script": {
                    "type": "text/javascript",
                    "exec": ['pm.test("200", () => pm.response.to.have.status(200));'],
                },
            }
        ],
        "protocolProfileBehavior": {"followRedirects": False},
    }


def test_each_variable_is_there_and_used() -> None:
    """Ids and secrets of clients stand in the variables alone."""
    variables = {variable["key"]: variable["value"] for variable in COLLECTION["variable"]}
    requests = json.dumps([item["request"] for item in items()])
    assert set(re.findall(r"\{\{(\w+)\}\}", requests)) == set(variables)
    secrets = [value for key, value in variables.items() if key.endswith("ClientSecret")]
    assert [secret for secret in secrets if secret in requests] == []
