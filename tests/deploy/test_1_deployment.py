"""The template on the stand-in, seen from outside: deployed, seeded, called, deployed again."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.blackbox.service import Service, new_name, new_password
from tests.deploy.stack import ALIAS, ORIGIN, Stack
from tests.support.blackbox_suite import run_suite
from tests.support.stores import TEMPLATE

# What the stand-in, or what is deployed, cannot do. The suite fails where one of them could after all.
LACKS = {
    "options": "the stand-in answers every OPTIONS itself; AWS hands it to the function",
    "own address": "the stand-in's API has an address that only its own name server knows, and is called at another",
}


def suite(stack: Stack) -> subprocess.CompletedProcess[str]:
    """Run the black-box suite against the stack, as its operator would."""
    return run_suite(
        stack.url,
        codes=f"stack {stack.name}",
        origin=ORIGIN,
        lacks=LACKS,
        timeout=600,
        environment={
            **stack.stand_in.environment(stack.operator),
            "BLACKBOX_SEED": str(stack.seed_file),
            "BLACKBOX_CA": str(stack.stand_in.certificate),
        },
    )


@pytest.fixture(scope="module")
def service(stack: Stack) -> Iterator[Service]:
    """The deployed API."""
    opened = stack.service()
    yield opened
    opened.close()


def test_every_route_is_there(stack: Stack) -> None:
    """SAM made a route of the template's every route, to the function that has it."""
    api = stack.client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    gateway = stack.client("apigatewayv2")
    functions = {stack.physical(function.name): function.name for function in TEMPLATE.functions}
    integrations = {
        f"integrations/{found['IntegrationId']}": functions[
            found["IntegrationUri"].removesuffix(f":{ALIAS}").rpartition(":")[2]
        ]
        for found in gateway.get_integrations(ApiId=api)["Items"]
    }
    routes = {found["RouteKey"]: integrations[found["Target"]] for found in gateway.get_routes(ApiId=api)["Items"]}
    assert routes == {route.key: route.function for route in TEMPLATE.routes}


def test_seeding_again_changes_nothing(stack: Stack) -> None:
    """The operator's command, for a person and for a program."""
    dynamodb = stack.client("dynamodb")
    # What happened before comes there in its own time.
    late = {stack.physical(name) for name in ("AuditTable", "CountersTable")}

    def everything() -> Any:
        return {
            name: sorted(map(str, dynamodb.scan(TableName=name)["Items"]))
            for name in set(dynamodb.list_tables()["TableNames"]) - late
        }

    before = everything()
    assert stack.seed_by_command() == "14 clients, 2 roles, 2 users are there\n"
    assert json.loads(stack.seed_by_command("--json")) == {"clients": 14, "roles": 2, "users": 2}
    assert everything() == before


def test_the_contract(stack: Stack) -> None:
    """The black-box suite passes, and leaves out loudly what `LACKS` names and nothing else."""
    ended = suite(stack)
    assert ended.returncode == 0, ended.stdout
    skipped = re.findall(r"^SKIPPED \[\d+\] [^ ]+ (.*)$", ended.stdout, re.MULTILINE)
    assert {line.partition(": ")[0] for line in skipped} == set(LACKS), ended.stdout
    assert "LEFT OUT" in ended.stdout


def test_deploying_again_loses_nothing(stack: Stack, service: Service) -> None:
    """A changed setting and new code: sessions are valid, users are there, the seed's admin too. And the contract."""
    form = {"username": new_name(), "password": new_password()}
    assert service.post("/users/register", json_body=form).status == 200
    tokens = service.log_in(form["username"], form["password"])
    before = service.get("/health").status
    said = stack.deploy(LogLevel="WARNING")
    assert "Successfully created/updated stack" in said
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.physical("TokenFunction"))
    assert function["Environment"]["Variables"]["LOG_LEVEL"] == "WARNING"
    assert (before, service.get("/health").status) == (200, 200)
    assert service.get("/users/current", bearer=tokens["access_token"]).status == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert service.post("/oauth/token", form=refresh, basic=service.client("web-client")).status == 200
    assert service.log_in(form["username"], form["password"])
    assert service.admin()
    ended = suite(stack)
    assert ended.returncode == 0, ended.stdout
    assert "No changes to deploy" in stack.deploy(LogLevel="WARNING")
