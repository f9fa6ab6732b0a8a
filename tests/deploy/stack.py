"""The template, deployed to the stand-in as its operator would deploy it: by SAM, with a user who may do just that."""

import json
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.seed import Seed
from tests.blackbox import codes
from tests.blackbox.service import Service
from tests.blackbox.target import Target
from tests.deploy.stand_in import ACCOUNT, REGION, Credentials, StandIn
from tests.support.outcomes import architecture
from tests.support.stores import ROOT, TEMPLATE
from tools.blackbox_seed import with_secrets

BUILT = ROOT / ".aws-sam" / "here"
EXAMPLE = ROOT / ".aws-sam" / "example"
ORIGIN = "https://app.example.com"
# The stand-in makes no snapshots.
PARAMETERS = {
    "Stage": "dev",
    "DigestLogin": "true",
    "ApiDocs": "true",
    "CorsOrigins": ORIGIN,
    "SnapStart": "false",
    # An account that its owner deletes is deleted by the function that pages are of.
    "DeletionDays": "0",
    # The stand-in has an address and no name, for which there could be no passkey.
    "WebauthnRpId": "login.example",
    "WebauthnOrigins": "https://login.example",
}
ALIAS = "live"
POLICIES = Path(__file__).with_name("policies")

_FUNCTION = re.compile(rf"\$\{{(\w+)Alias{ALIAS}\}}")
_ANY = "x-amazon-apigateway-any-method"


@dataclass(frozen=True)
class Stack:
    """A stack by its name, who deploys it, and who runs it."""

    stand_in: StandIn
    name: str
    deployer: Credentials
    operator: Credentials
    seed: Seed = field(repr=False)
    _names: dict[str, str] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """A client that may do anything."""
        return self.stand_in.client(service)

    @property
    def seed_file(self) -> Path:
        """The seed, as a file."""
        return self.stand_in.folder / "seed.json"

    @property
    def url(self) -> str:
        """Where the stand-in serves the API; the address that it gives out needs a name server of its own."""
        (api,) = self.client("apigatewayv2").get_apis()["Items"]
        return f"{self.stand_in.url}/_aws/execute-api/{api['ApiId']}/$default"

    def service(self) -> Service:
        """The deployed API, to be called; codes are read from its table with its pepper."""
        pepper = self.client("secretsmanager").get_secret_value(SecretId=self.physical("CodePepper"))["SecretString"]
        read_code = codes.from_table(self.client("dynamodb"), self.physical("CodesTable"), pepper)
        return Service(Target(self.url, seed=self.seed, certificates=str(self.stand_in.certificate)), read_code)

    def deploy(self, **parameters: str) -> str:
        """Deploy what was built, with these parameters besides `PARAMETERS`; what SAM said."""
        given = {**PARAMETERS, "Architecture": architecture(), **parameters}
        said = self.sam(
            "deploy",
            *("--template-file", str(BUILT / "template.yaml")),
            *("--config-file", str(ROOT / "samconfig.toml"), "--config-env", "dev"),
            *("--parameter-overrides", *(f"{name}={_quoted(value)}" for name, value in given.items())),
        )
        _open_api(self)
        _mend_policies(self)
        self.maintain_keys()
        return said

    def maintain_keys(self) -> dict[str, list[str]]:
        """What the schedule does at once in AWS, and after an hour in the stand-in: have the keys made that are due."""
        name = self.physical("KeysFunction")
        answer = self.client("lambda").invoke(FunctionName=name, Qualifier=ALIAS, Payload=b"{}")
        said = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, said
        done: dict[str, list[str]] = json.loads(said)
        return done

    def delete(self) -> str:
        """Delete the stack; what SAM said."""
        return self.sam("delete", "--no-prompts", "--s3-bucket", self.bucket, "--s3-prefix", "lingpai-dev")

    def seed_by_command(self, *options: str) -> str:
        """Give the stack its seed by the operator's command, as the operator; what it said, which is a success."""
        ended = self.command("seed", str(self.seed_file), *options)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the operator's command on this stack, as the operator."""
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "local.cli", *arguments, "--stack", self.name],
            cwd=ROOT,
            env=self.stand_in.environment(self.operator),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def bucket(self) -> str:
        """Where SAM puts what it deploys."""
        names: list[str] = [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        return next(name for name in names if name.startswith("aws-sam-cli-managed-default"))

    def sam(self, command: str, *arguments: str) -> str:
        """Run SAM on this stack as the deployer; what it said, which must be a success."""
        return self.stand_in.sam(self.deployer, command, "--stack-name", self.name, "--region", REGION, *arguments)

    def parameters(self) -> dict[str, str]:
        """The parameters that the stack was last deployed with."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {given["ParameterKey"]: given["ParameterValue"] for given in found["Parameters"]}

    def physical(self, logical: str) -> str:
        """The name that a resource of the template got."""
        if logical not in self._names:
            resources = self.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
            self._names.update({found["LogicalResourceId"]: found["PhysicalResourceId"] for found in resources})
        return self._names[logical]


def new_stack(stand_in: StandIn) -> Stack:
    """A stack that is yet to be deployed, and the users who may deploy and run it."""
    name = f"lingpai-{secrets.token_hex(4)}"

    def user(kind: str) -> Credentials:
        return stand_in.user(kind, json.dumps(policy(kind, name)))

    stack = Stack(stand_in, name, user("deployer"), user("operator"), Seed.model_validate(with_secrets()))
    stack.seed_file.write_text(stack.seed.model_dump_json(exclude_none=True, exclude_defaults=True), "utf-8")
    return stack


def policy(kind: str, stack: str, partition: str = "aws") -> Any:
    """The policy of the stack's deployer or operator."""
    text = (POLICIES / f"{kind}.json").read_text("utf-8")
    named = {"STACK": stack, "ACCOUNT": ACCOUNT, "REGION": REGION, "PARTITION": partition}
    for placeholder, value in named.items():
        text = text.replace(f"${{{placeholder}}}", value)
    return json.loads(text)


def role_policies(stack: Stack) -> dict[str, tuple[str, str, Any]]:
    """The policy of the template for each function: role, name of the policy, and the policy itself."""
    iam = stack.client("iam")
    found = {}
    for function in TEMPLATE.functions:
        role = stack.physical(f"{function.name}Role")
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found[function.name] = (role, name, document)
    return found


def _mend_policies(stack: Stack) -> None:
    """What the stand-in makes otherwise of the template than AWS does.

    - `!Ref` of a secret is its ARN in AWS, its name in the stand-in: no policy could allow to read a name.
    - It does not compute `!Join` and `!Split` in a condition, and takes `HasSns` to hold where nobody sends by SNS too.
    """
    by_sns = "sns" in stack.parameters().get("SmsProvider", "")
    arn = stack.client("secretsmanager").describe_secret(SecretId=stack.physical("CodePepper"))["ARN"]
    iam = stack.client("iam")
    for role, name, document in role_policies(stack).values():
        kept = [statement for statement in document["Statement"] if by_sns or statement["Action"] != ["sns:Publish"]]
        text = json.dumps({**document, "Statement": kept}).replace(f'"{stack.physical("CodePepper")}"', f'"{arn}"')
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)


def _quoted(value: str) -> str:
    """A parameter's value as SAM reads it on its command line: spaces and quotes in quotes."""
    if not re.search(r'[\s"\\]', value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _open_api(stack: Stack) -> None:
    """Give the API what is in the OpenAPI body that SAM made of the template: the stand-in deploys none of it."""
    document = stack.client("cloudformation").get_template(StackName=stack.name, TemplateStage="Processed")
    body: Any = document["TemplateBody"]["Resources"]["HttpApi"]["Properties"]["Body"]
    gateway = stack.client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    there = {route["RouteKey"] for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]}
    # The condition HasCors holds here. The lists are what `!Split` makes of parameters.
    _, rules, _ = body["x-amazon-apigateway-cors"]["Fn::If"]
    cors = {f"{name[0].upper()}{name[1:]}": value for name, value in rules.items()}
    gateway.update_api(
        ApiId=api["ApiId"],
        CorsConfiguration={**cors, "AllowOrigins": [ORIGIN], "AllowHeaders": list(TEMPLATE.cors.headers)},
    )
    targets: dict[str, str] = {}
    for path, methods in body["paths"].items():
        ((method, operation),) = methods.items()
        assert method == _ANY, f"{path}: {method}"
        key = path if path == "$default" else f"ANY {path}"
        if key in there:
            continue
        integration = operation["x-amazon-apigateway-integration"]
        found = _FUNCTION.search(integration["uri"]["Fn::Sub"])
        assert found is not None
        function = found[1]
        if function not in targets:
            made = gateway.create_integration(
                ApiId=api["ApiId"],
                IntegrationType="AWS_PROXY",
                PayloadFormatVersion=integration["payloadFormatVersion"],
                IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{stack.physical(function)}:{ALIAS}",
            )
            targets[function] = f"integrations/{made['IntegrationId']}"
        gateway.create_route(ApiId=api["ApiId"], RouteKey=key, Target=targets[function])
