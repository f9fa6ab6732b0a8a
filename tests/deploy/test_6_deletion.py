"""The end of the stack: what costs, serves or can sign goes with it; whom it knew stays, as the template says."""

import botocore.exceptions
import pytest

from tests.architecture.test_template import RESOURCES
from tests.deploy.stack import Stack
from tests.support.stores import TEMPLATE

# What cannot be made again.
KEPT = {table.name for table in TEMPLATE.tables if RESOURCES[table.name]["DeletionPolicy"] == "RetainExceptOnCreate"}


def test_deleting_the_stack(stack: Stack) -> None:
    """By the deployer, with SAM."""
    names = {table.name: stack.physical(table.name) for table in TEMPLATE.tables}
    functions = [stack.physical(function.name) for function in TEMPLATE.functions]
    roles = [stack.physical(f"{function.name}Role") for function in TEMPLATE.functions]
    pepper = stack.physical("CodePepper")
    users = stack.client("dynamodb").scan(TableName=names["UsersTable"])["Items"]
    assert users
    assert {"ClientsTable", "UsersTable", "IdentitiesTable", "RolesTable", "FactorsTable"} <= KEPT
    assert "Deleted successfully" in stack.delete()

    left = stack.client("dynamodb").list_tables()["TableNames"]
    assert {logical for logical, name in names.items() if name in left} == KEPT
    assert stack.client("dynamodb").scan(TableName=names["UsersTable"])["Items"] == users
    there = {found["FunctionName"] for found in stack.client("lambda").list_functions()["Functions"]}
    assert there & set(functions) == set()
    assert {role["RoleName"] for role in stack.client("iam").list_roles()["Roles"]} & set(roles) == set()
    assert stack.client("apigatewayv2").get_apis()["Items"] == []
    assert stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/lingpai/{stack.name}")["logGroups"] == []
    with pytest.raises(botocore.exceptions.ClientError):
        stack.client("secretsmanager").get_secret_value(SecretId=pepper)
