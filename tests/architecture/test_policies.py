"""template.yaml: what each function may do is named, action by action and resource by resource."""

import re
from typing import Any

import pytest
import yaml

from lingpai.clients.dynamodb import DEPLOYMENT
from lingpai.second_factors.model import SECRETS
from lingpai.signing_keys import kms
from lingpai.webhooks import model as webhooks
from local.template import _Call, _Loader
from tests.support.stores import ROOT

DOCUMENT: Any = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
RESOURCES: dict[str, Any] = DOCUMENT["Resources"]
FUNCTIONS = [name for name, found in RESOURCES.items() if found["Type"] == "AWS::Serverless::Function"]
KNOWN = ("dynamodb:", "kms:", "secretsmanager:", "sms-voice:", "sqs:")
# To IAM a phone number is no resource of SNS: the one thing that needs a star, and what it must not mean is denied.
MESSAGES = {"Effect": "Allow", "Action": ["sns:Publish"], "Resource": "*"}
# The one write to the clients' table: the list of ended accounts.
ENDED = {
    "Effect": "Allow",
    "Action": ["dynamodb:UpdateItem"],
    "Resource": _Call("GetAtt", "ClientsTable.Arn"),
    "Condition": {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": [DEPLOYMENT],
            "dynamodb:Attributes": ["client_id", "ended"],
        }
    },
}
# The secrets of authenticator apps: with this condition the key opens no private half of a signing key.
TOTP_SECRETS: dict[str, Any] = {
    "Effect": "Allow",
    "Action": ["kms:Encrypt", "kms:Decrypt"],
    "Resource": _Call("GetAtt", "KeysKey.Arn"),
    "Condition": {"StringEquals": {"kms:EncryptionContext:purpose": "lingpai totp secret"}},
}
# The secrets of webhooks, and the signing keys: with this condition the key opens no secret of an authenticator app.
WEBHOOK_SECRETS: dict[str, Any] = {
    "Effect": "Allow",
    "Action": ["kms:Decrypt"],
    "Resource": _Call("GetAtt", "KeysKey.Arn"),
    "Condition": {"StringEquals": {"kms:EncryptionContext:purpose": ["lingpai webhook secret", "lingpai signing key"]}},
}
NO_TOPICS = {"Effect": "Deny", "Action": ["sns:Publish"], "Resource": _Call("Sub", "arn:${AWS::Partition}:sns:*:*:*")}


def statements(function: str) -> list[Any]:
    """The statements of all policies of a function, which all stand in the template."""
    policies = RESOURCES[function]["Properties"]["Policies"]
    assert all(isinstance(policy, dict) for policy in policies), f"{function}: a policy of AWS's own, or by a name"
    listed = [statement for policy in policies for statement in policy["Statement"]]
    # What a condition adds is as good as there.
    return [statement.argument[1] if isinstance(statement, _Call) else statement for statement in listed]


def _listed(resource: Any) -> list[Any]:
    return resource if isinstance(resource, list) else []


# Where authenticator apps are set up.
WHERE_APPS_ARE = ["PagesFunction"]
# Where all sessions of an account may end.
# An index of a table, which is no resource of its own.
INDEX = re.compile(r"\$\{(\w+)\.Arn\}/index/\w+")
WHERE_ACCOUNTS_END = ["UsersFunction", "PagesFunction"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_allowed_with_a_star(function: str) -> None:
    """Each allowed action has its whole name, and each resource is one of this template's, found by reference."""
    allowed = [statement for statement in statements(function) if statement["Effect"] == "Allow"]
    assert allowed
    if MESSAGES in allowed:
        assert function in {"MobileFunction", "UsersFunction", "PagesFunction"}
        assert NO_TOPICS in statements(function)
        allowed.remove(MESSAGES)
    if ENDED in allowed:
        assert function in WHERE_ACCOUNTS_END
        allowed.remove(ENDED)
    if TOTP_SECRETS in allowed:
        assert function in WHERE_APPS_ARE
        allowed.remove(TOTP_SECRETS)
    if WEBHOOK_SECRETS in allowed:
        assert function == "WebhooksFunction"
        allowed.remove(WEBHOOK_SECRETS)
    for statement in allowed:
        assert set(statement) == {"Effect", "Action", "Resource"}, statement
        for action in statement["Action"]:
            assert action.startswith(KNOWN), action
            assert "*" not in action, action
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            assert isinstance(resource, _Call), resource
            index = INDEX.fullmatch(str(resource.argument)) if resource.name == "Sub" else None
            assert index or resource.name in {"GetAtt", "Ref"}, resource
            named = index[1] if index else str(resource.argument).removesuffix(".Arn")
            assert named in {**RESOURCES, **DOCUMENT["Parameters"]}, resource


def test_who_opens_secrets_of_apps_opens_no_signing_key() -> None:
    """The statement with the condition is the only one that names the key."""
    key = _Call("GetAtt", "KeysKey.Arn")
    for function in WHERE_APPS_ARE:
        assert [one for one in statements(function) if one.get("Resource") == key] == [TOTP_SECRETS]
    assert TOTP_SECRETS["Condition"]["StringEquals"]["kms:EncryptionContext:purpose"] == SECRETS.purpose


def test_who_delivers_opens_its_own_secrets_and_signs() -> None:
    """And it opens no secret of an authenticator app, and makes none."""
    key = _Call("GetAtt", "KeysKey.Arn")
    assert [one for one in statements("WebhooksFunction") if one.get("Resource") == key] == [WEBHOOK_SECRETS]
    purposes = WEBHOOK_SECRETS["Condition"]["StringEquals"]["kms:EncryptionContext:purpose"]
    assert purposes == [webhooks.SECRETS.purpose, kms.PURPOSE]


def test_the_functions_write_no_record_of_a_client() -> None:
    """But for those that may write the deployment's list of ended accounts, and nothing else of it; and the console."""
    table = _Call("GetAtt", "ClientsTable.Arn")
    granted = [(name, one) for name in FUNCTIONS for one in statements(name) if one["Effect"] == "Allow"]
    ours = [(name, one) for name, one in granted if table in (one["Resource"], *_listed(one["Resource"]))]
    # The console is there to edit them.
    ours = [(name, one) for name, one in ours if name != "ConsoleFunction"]
    assert [name for name, one in ours if one["Action"] != ["dynamodb:BatchGetItem"]] == WHERE_ACCOUNTS_END
    assert [name for name, one in ours if one == ENDED] == WHERE_ACCOUNTS_END


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_log_but_its_own(function: str) -> None:
    """SAM gives each role AWS's own policy for logs, which allows every log of the account."""
    own = RESOURCES[function]["Properties"]["LoggingConfig"]["LogGroup"].argument
    denied = [
        statement for statement in statements(function) if statement["Effect"] == "Deny" and statement != NO_TOPICS
    ]
    assert denied == [{"Effect": "Deny", "Action": "logs:*", "NotResource": _Call("GetAtt", f"{own}.Arn")}]


def test_no_role_is_made_elsewhere() -> None:
    """All permissions are those above: no role or policy stands beside the functions."""
    assert [name for name, found in RESOURCES.items() if found["Type"].startswith("AWS::IAM::")] == []
