"""The partition of AWS China: what SAM makes of the templates there, and the policies of who deploys and runs a stack.

The stand-in has no such partition. CloudFormation runs the same transformation.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.stack import POLICIES, policy
from tests.deploy.stand_in import ENVIRONMENT
from tests.support.stores import ROOT

# In: a template, and values of its parameters. Out: the template that CloudFormation makes of it in the region.
_TRANSFORM = """
import contextlib, json, sys
import boto3
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
template = yaml_parse(open(sys.argv[1], encoding="utf-8").read())
for resource in template["Resources"].values():
    for name in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
        resource["Properties"][name] = "s3://bucket/key"
class Policies:
    def load(self):
        name = "AWSLambdaBasicExecutionRole"
        return {name: f"arn:aws-cn:iam::aws:policy/service-role/{name}"}
boto3.setup_default_session(region_name=sys.argv[3])
defaults = {name: str(given["Default"]) for name, given in template["Parameters"].items() if "Default" in given}
with contextlib.redirect_stdout(sys.stderr):
    made = transform(template, {**defaults, **json.loads(sys.argv[2])}, Policies())
print(json.dumps(made))
"""
EXAMPLE = {
    "Issuer": "https://login.example.cn",
    "Resource": "https://api.example.cn",
    "ClientId": "notes-api",
    "ClientSecret": "notes-api-secret",
}


def transformed(template: str, region: str, parameters: dict[str, str]) -> Any:
    """What CloudFormation makes of the template in a region of AWS China."""
    command = [
        str(ENVIRONMENT / "bin" / "python"),
        "-c",
        _TRANSFORM,
        str(ROOT / template),
        json.dumps(parameters),
        region,
    ]
    environment = {"AWS_DEFAULT_REGION": region, "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)  # noqa: S603 (our own)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
@pytest.mark.parametrize(
    ("template", "parameters", "principals"),
    [
        ("template.yaml", {"Stage": "prod"}, "apigateway codedeploy lambda scheduler"),
        ("template.yaml", {"Stage": "dev", "SnapStart": "false"}, "apigateway lambda scheduler"),
        ("examples/api/template.yaml", EXAMPLE, "apigateway lambda"),
    ],
)
def test_the_template_there(template: str, parameters: dict[str, str], principals: str, region: str) -> None:
    """Each ARN is by the partition, or of it; no name of AWS is written out but the principals, which have no .cn."""
    made = transformed(template, region, parameters)
    text = json.dumps({name: made[name] for name in ("Resources", "Outputs")})
    partitions = {arn.split(":")[1] for arn in re.findall(r"arn:[^:\"]+:", text)}
    assert partitions == {"${AWS", "aws-cn"}
    assert set(re.findall(r"arn:\$\{[^}]+\}", text)) == {"arn:${AWS::Partition}"}
    assert set(re.findall(r"[\w.-]*amazonaws\.com[\w.]*", text)) == {
        f"{service}.amazonaws.com" for service in principals.split()
    }


@pytest.mark.parametrize("file", sorted(POLICIES.glob("*.json")), ids=lambda file: file.stem)
def test_policies_there(file: Path) -> None:
    """They say the partition by a placeholder."""
    assert "arn:aws" not in file.read_text("utf-8")
    there = json.dumps(policy(file.stem, "lingpai-prod", partition="aws-cn"))
    assert {arn.split(":")[1] for arn in re.findall(r"arn:[^:]+:", there)} == {"aws-cn"}
    assert "${" not in there
