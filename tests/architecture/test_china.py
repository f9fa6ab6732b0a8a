"""AWS China: the templates name no other partition, take its ARNs, and docs/aws-china.md tells what is there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer.main

from lingpai.kernel.errors import SettingsError
from lingpai.settings import Settings, from_environment
from local import template
from local.operator.app import app
from tests.architecture.test_docs import table
from tests.architecture.test_template import DOCUMENT, GLOBALS
from tests.support.stores import ROOT

PAGES = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("aws-china.md", "aws-china.zh-CN.md")}
REGIONS = ("cn-north-1", "cn-northwest-1")
TEMPLATES = (ROOT / "template.yaml", *(ROOT / "examples").glob("*/template.yaml"))
SECRET = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:lingpai-AbCdEf"


def holds(condition: Any, values: dict[str, str]) -> bool:
    """Whether a condition of the template holds with these parameters."""
    match condition:
        case template._Call("Condition", str(name)):
            return holds(DOCUMENT["Conditions"][name], values)
        case template._Call("Not", [inner]):
            return not holds(inner, values)
        case template._Call("And", parts):
            return all(holds(part, values) for part in parts)
        case template._Call("Equals", sides):
            one, other = (values[side.argument] if isinstance(side, template._Call) else side for side in sides)
            return bool(one == other)
        case _:
            raise AssertionError(condition)


@pytest.mark.parametrize(
    ("partition", "snap_start", "made"),
    [("aws", "true", True), ("aws", "false", False), ("aws-cn", "true", False), ("aws-cn", "false", False)],
)
def test_snapshots_are_made_only_where_there_are_any(partition: str, snap_start: str, made: bool) -> None:
    values = {"AWS::Partition": partition, "SnapStart": snap_start}
    assert holds(DOCUMENT["Conditions"]["HasSnapStart"], values) is made
    assert GLOBALS["SnapStart"]["ApplyOn"].argument == ["HasSnapStart", "PublishedVersions", "None"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_no_partition_is_written_out(path: Path) -> None:
    """But in patterns of parameters, which take that of each."""
    lines = [line for line in path.read_text("utf-8").splitlines() if "AllowedPattern" not in line]
    assert [line for line in lines if "arn:aws" in line or "amazonaws.com" in line] == []
    assert len(lines) > 50


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_parameters_take_arns_of_each_partition(partition: str) -> None:
    services = {
        "AliyunKeySecret": "secretsmanager",
        "TencentSecretKeySecret": "secretsmanager",
        "TwilioTokenSecret": "secretsmanager",
        "CaptchaKeySecret": "secretsmanager",
        "TrustedProxySecret": "secretsmanager",
        "AwsSmsOrigination": "sms-voice",
        "CertificateArn": "acm",
        "AlarmTopicArn": "sns",
    }
    patterns = {name: given.get("AllowedPattern", "") for name, given in DOCUMENT["Parameters"].items()}
    assert {name for name, pattern in patterns.items() if "arn:" in pattern} == set(services)
    for name, service in services.items():
        assert re.fullmatch(patterns[name], f"arn:{partition}:{service}:cn-north-1:123456789012:x"), name
        assert re.fullmatch(patterns[name], ""), name


def test_settings_take_secrets_of_china() -> None:
    """Each setting that is the ARN of a secret."""
    names = [name for name, field in Settings.model_fields.items() if "secretsmanager" in str(field.metadata)]
    assert len(names) > 5
    given = from_environment({"AWS_REGION": "cn-north-1", **{name.upper(): SECRET for name in names}})
    assert {getattr(given, name) for name in names} == {SECRET}
    with pytest.raises(SettingsError):
        from_environment({names[0].upper(): SECRET.replace("aws-cn", "cn")})


def lint(path: Path, region: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", region, "--template", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 (our own)


@pytest.mark.parametrize("region", REGIONS)
def test_the_linter_knows_what_a_region_lacks(region: str, tmp_path: Path) -> None:
    """So `make check`, which has it look at our templates for these regions, would tell."""
    path = tmp_path / "template.yaml"
    path.write_text("Resources:\n  Pool:\n    Type: AWS::Cognito::UserPool\n", "utf-8")
    found = lint(path, region)
    assert found.returncode == 2
    assert f"Resource type 'AWS::Cognito::UserPool' does not exist in '{region}'" in found.stdout
    assert lint(path, "us-east-1").returncode == 0
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"cfn-lint --regions us-east-1 {' '.join(REGIONS)} --template template.yaml examples/*/" in makefile


@pytest.mark.parametrize(("page", "words"), [("aws-china.md", "yes no"), ("aws-china.zh-CN.md", "有 无")])
def test_services_are_where_the_page_says(page: str, words: str) -> None:
    """By the endpoints that botocore knows; the version is the one that was asked."""
    there, absent = words.split()
    session = botocore.session.get_session()
    rows = [*table(PAGES[page], "Service"), *table(PAGES[page], "服务")]
    assert len(rows) > 15
    for service, beijing, ningxia, *_ in rows:
        known = session.get_available_regions(service, "aws-cn")
        assert [beijing, ningxia] == [there if region in known else absent for region in REGIONS], service


def test_every_statement_has_a_source_or_says_that_it_has_none() -> None:
    for page, mark in (("aws-china.md", "unconfirmed"), ("aws-china.zh-CN.md", "未证实")):
        text = PAGES[page]
        rows = [*table(text, "Difference"), *table(text, "不同"), *table(text, "Service"), *table(text, "服务")]
        assert len(rows) > 25
        assert [row for row in rows if "](https://" not in row[-1] and row[-1] != mark] == []
        assert re.search(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b", text.partition("\n## ")[0])


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_can_be_typed(page: str) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGES[page], re.DOTALL)
    ended = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, timeout=10, check=False)  # noqa: S607
    assert ended.returncode == 0, ended.stderr
    assert set(re.findall(r"\b([A-Z]\w+)=", block)) - {"AWS_PROFILE", "AWS_REGION", "ARGS"} <= set(
        DOCUMENT["Parameters"]
    )
    root: Any = typer.main.get_command(app)
    assert set(re.findall(r"^lingpai (\w+)", block, re.MULTILINE)) <= set(root.commands)
    assert "arn:aws:" not in PAGES[page]
