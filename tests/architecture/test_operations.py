"""What docs/operations.md tells to type can be typed: commands, options, parameters, resources."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any, get_args

import botocore.session
import pytest
import typer
from botocore import xform_name

from lingpai.http.metrics import DIMENSIONS
from lingpai.settings import Settings
from lingpai.sms.settings import Provider
from local.operator.app import app
from tests.architecture.test_docs import table
from tests.architecture.test_monitoring import ALARMS, RESOURCES, TEMPLATE
from tests.support.stores import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
# What the AWS CLI takes with every command, and its names for services that botocore calls otherwise.
GLOBAL = {"query", "output", "region"}
SERVICES = {"deploy": "codedeploy"}
RENAMED = {("sns", "subscribe"): {"endpoint": "notification-endpoint"}}


def commands(program: str) -> Iterator[list[str]]:
    """The words of each command of the page that begins with this program, its quotation marks taken off."""
    text = "\n".join((*BLOCKS, *re.findall(rf"`({program} [^`\n]*)`", PAGE))).replace("\\\n", " ")
    for line in text.splitlines():
        for found in re.finditer(rf"(?:^|; |&& |\{{ |\$\(|=\S+ )({program} .*)", line.strip()):
            yield list(_until_the_end(found[1]))


def _until_the_end(line: str) -> Iterator[str]:
    # What stands in $( ) is a value; the command ends where a shell would end it.
    for word in shlex.split(re.sub(r"\$\([^()]*\)", "VALUE", line), comments=True):
        if word in (">", "|", "&&", "}"):
            return
        yield word.removesuffix(";")
        if word.endswith(";"):
            return


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_what_a_shell_reads(block: str) -> None:
    ended = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, timeout=10, check=False)  # noqa: S607
    assert ended.returncode == 0, ended.stderr


def test_every_command_of_the_operator_is_there() -> None:
    found = list(commands("lingpai"))
    assert len(found) > 10
    for words in found:
        node: Any = typer.main.get_command(app)
        arguments = words[1:]
        while hasattr(node, "commands"):
            name = arguments.pop(0)
            assert name in node.commands, words
            node = node.commands[name]
        known = {option for parameter in node.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known, words


def test_every_command_of_aws_is_there() -> None:
    """With the options that it has, by botocore's models, which the AWS CLI is made of."""
    session = botocore.session.get_session()
    found = list(commands("aws"))
    assert len(found) > 12
    for _, service, operation, *rest in found:
        client = session.create_client(SERVICES.get(service, service), region_name="us-east-1")
        options = {word[2:] for word in rest if word.startswith("--")} - GLOBAL
        if operation == "wait":
            assert rest[0].replace("-", "_") in client.waiter_names
            continue
        names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
        assert operation in names, (service, operation)
        shape: Any = client.meta.service_model.operation_model(names[operation]).input_shape
        renamed = RENAMED.get((service, operation), {})
        members = {xform_name(name, "-") for name in shape.members}
        assert options <= {renamed.get(name, name) for name in members}, (service, operation)


def test_the_parameters_are_those_of_the_template() -> None:
    """Each is in the table, but those of a sender, which docs/senders.md shows as the settings that they give."""
    settings = {
        value["Ref"]: name
        for name, value in RESOURCES["MobileFunction"]["Properties"]["Environment"]["Variables"].items()
        if name.startswith(tuple(f"{provider.upper()}_" for provider in get_args(Provider)))
    }
    assert len(settings) > 10
    told = [name for name in TEMPLATE["Parameters"] if name not in settings]
    assert [row[0] for row in table(PAGE, "Parameter")] == told
    senders = (ROOT / "docs" / "senders.md").read_text("utf-8")
    assert [name for name in settings.values() if f"\n{name}=" not in senders] == []


def test_overrides_are_parameters_and_keep_those_of_the_stage() -> None:
    """What is overridden on the command line replaces all that samconfig.toml overrides."""
    known = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    deploys = [words for words in commands("sam") if words[1] == "deploy"]
    assert len(deploys) > 4
    for words in deploys:
        stage = words[words.index("--config-env") + 1]
        if "--parameter-overrides" in words:
            given = words[words.index("--parameter-overrides") + 1 :]
            assert {pair.partition("=")[0] for pair in given} <= set(TEMPLATE["Parameters"])
            assert set(known[stage]["deploy"]["parameters"]["parameter_overrides"]) <= set(given)
    for stage in ("dev", "prod"):
        for pair in known[stage]["deploy"]["parameters"]["parameter_overrides"]:
            assert pair.partition("=")[0] in TEMPLATE["Parameters"]


def test_resources_are_those_of_the_template() -> None:
    named = set(re.findall(r"\$\(resource (\w+)\)", PAGE))
    for listed in re.findall(r"for TABLE in ([\w ]+);", PAGE):
        named |= set(listed.split())
    assert len(named) >= 5
    assert named <= set(RESOURCES)
    assert "ApiUrl" in TEMPLATE["Outputs"]
    groups = {
        group["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "$STACK")
        for group in RESOURCES.values()
        if group["Type"] == "AWS::Logs::LogGroup"
    }
    told = set(re.findall(r"--log-group-name (\S+)", PAGE))
    assert told
    assert told <= groups


def test_metrics_and_alarms_are_all_told() -> None:
    assert [row[0] for row in table(PAGE, "Metric")] == list(DIMENSIONS)
    assert [row[0] for row in table(PAGE, "Alarm")] == list(ALARMS)
    for row in table(PAGE, "Metric"):
        told = set(re.findall(r"`([a-z]+)`", row[1])) & {name for names in DIMENSIONS.values() for name in names}
        assert told == set(DIMENSIONS[row[0]]), row
    rolled_back = re.findall(r"`(\w+Alarm)`", PAGE.partition("\n## Upgrade\n")[2].partition("\n## ")[0])
    alarms = TEMPLATE["Globals"]["Function"]["DeploymentPreference"]["Alarms"]["Fn::If"][1]
    assert rolled_back == [alarm["Ref"] for alarm in alarms]


def test_settings_are_settings() -> None:
    prose = re.sub(r"```sh\n.*?```", "", PAGE, flags=re.DOTALL)
    for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", prose):
        assert name.lower() in Settings.model_fields, name
