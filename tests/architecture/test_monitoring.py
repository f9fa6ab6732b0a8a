"""What watches a deployment looks at what is really counted, and a new version is taken back by it."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # it has no stubs

from lingpai.http.metrics import DIMENSIONS, SERVICE
from lingpai.settings import Settings
from tests.support import stores
from tests.support.stores import ROOT

NAMESPACE = "Lingpai/${AWS::StackName}"

# What AWS counts by itself, and by which dimensions:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
OF_AWS: dict[str, dict[tuple[str, ...], set[str]]] = {
    "AWS/ApiGateway": {("ApiId",): {"4xx", "5xx", "Count", "Latency", "IntegrationLatency"}},
    "AWS/Lambda": {("FunctionName",): {"Errors", "Throttles", "Duration", "ConcurrentExecutions", "IteratorAge"}},
    "AWS/DynamoDB": {
        ("TableName",): {
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        },
        ("TableName", "Operation"): {"SystemErrors"},
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {("QueueName",): {"ApproximateNumberOfMessagesVisible"}},
}
VALUES = {"ApiId": r"\$\{HttpApi\}", "FunctionName": r"\$\{\w+Function\}", "TableName": r"\$\{\w+Table\}"}
VALUES["QueueName"] = r"\$\{\w+Queue\.QueueName\}"

TEMPLATE: Any = json.loads(json.dumps(load(str(ROOT / "template.yaml"))))
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))


def of_type(kind: str) -> dict[str, Any]:
    """The resources of this kind by logical id."""
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


ALARMS = of_type("AWS::CloudWatch::Alarm")


def text(value: Any) -> str:
    """A value of the template as its author would write it into a `Sub`."""
    match value:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(form)}:
            return form
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case _:
            return str(value)


def check(namespace: str, name: str, dimensions: dict[str, str]) -> None:
    """That there is such a metric, of something that is in the template."""
    if namespace == NAMESPACE:
        assert set(dimensions) == {"service", *DIMENSIONS[name]}, name
        assert dimensions["service"] == SERVICE
        return
    assert name in OF_AWS[namespace][tuple(dimensions)], name
    for key, value in dimensions.items():
        assert re.fullmatch(VALUES.get(key, r"[A-Za-z]+"), value), (name, value)
    for value in dimensions.values():
        if value.startswith("${"):
            assert value[2:-1].partition(".")[0] in RESOURCES, (name, value)


def watched_by(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str], int]]:
    """Namespace, name, dimensions and period of each metric that an alarm looks at."""
    parts: list[Any] = [part["MetricStat"] for part in alarm.get("Metrics", ()) if "MetricStat" in part]
    for part in parts or [{"Metric": alarm, "Period": alarm.get("Period")}]:
        metric, period = part["Metric"], part["Period"]
        dimensions = {dimension["Name"]: text(dimension["Value"]) for dimension in metric["Dimensions"]}
        yield text(metric["Namespace"]), metric["MetricName"], dimensions, period


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_what_is_counted(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    found = list(watched_by(alarm))
    for namespace, metric, dimensions, _ in found:
        check(namespace, metric, dimensions)
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
    assert len(found) <= 10
    # An alarm looks back a day at most.
    assert all(period * alarm["EvaluationPeriods"] <= 86400 for _, _, _, period in found)
    expressions = [part["Expression"] for part in alarm.get("Metrics", ()) if "Expression" in part]
    if expressions:
        (expression,) = map(text, expressions)
        ids = {part["Id"] for part in alarm["Metrics"] if "MetricStat" in part}
        used = set(re.findall(r"\b[a-z]\w*\b", re.sub(r"\$\{\w+\}", "", expression)))
        assert expression == "SUM(METRICS())" or used == ids
    # Nobody called, nothing is wrong.
    assert alarm["TreatMissingData"] == "notBreaching"
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    assert (alarm["AlarmActions"], alarm["OKActions"]) == (topic, topic)
    assert ALARMS[name]["Condition"] == "IsWatched"


def test_all_functions_and_tables_are_watched() -> None:
    functions, tables = set(of_type("AWS::Serverless::Function")), set(of_type("AWS::DynamoDB::Table"))
    called = {route.function for route in stores.TEMPLATE.routes}

    def watched(alarm: str, by: str) -> set[str]:
        return {dimensions[by][2:-1] for _, _, dimensions, _ in watched_by(ALARMS[alarm]["Properties"])}

    # Nobody waits for the others, and Lambda tries again what it has throttled.
    assert watched("FunctionErrorsAlarm", "FunctionName") == watched("FunctionThrottlesAlarm", "FunctionName") == called
    assert watched("BackgroundErrorsAlarm", "FunctionName") == functions - called
    for name in ("ReadThrottlesAlarm", "WriteThrottlesAlarm"):
        # An alarm looks at ten metrics at most. What the audit table does not take is in the queue of failed events.
        assert watched(name, "TableName") == tables - {"AuditTable"}, name


def written_out(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows of a widget with what `...` takes over from the row before."""
    whole: list[list[Any]] = []
    for row in rows:
        whole.append([*whole[-1][: 1 - len(row)], *row[1:]] if row[0] == "..." else row)
    return whole


def test_the_dashboard_shows_what_is_counted() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = dashboard["Properties"]["DashboardBody"]["Fn::Sub"]
    shown, own = 0, set()
    for widget in json.loads(body)["widgets"]:
        properties = widget["properties"]
        if widget["type"] == "alarm":
            assert properties["alarms"] == [f"${{{name}.Arn}}" for name in ALARMS]
            continue
        assert properties["region"] == "${AWS::Region}"
        for row in written_out(properties["metrics"]):
            words = [word for word in row if isinstance(word, str)]
            if words:
                namespace, name, *dimensions = words
                check(namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True)))
            elif search := re.fullmatch(
                r"""SEARCH\('\{"(.+)",(.+)\} MetricName="(\w+)"', 'Sum', 300\)""", row[0]["expression"]
            ):
                namespace, keys, name = search.groups()
                check(namespace, name, dict.fromkeys(keys.split(","), SERVICE))
            else:
                ids = {other[-1].get("id") for other in properties["metrics"] if isinstance(other[-1], dict)}
                assert set(re.findall(r"\b[a-z]\w*\b", row[0]["expression"])) <= ids
                continue
            shown += 1
            if namespace == NAMESPACE:
                own.add(name)
    assert own == set(DIMENSIONS)
    assert shown > 50


def test_the_namespace_of_the_functions_is_the_one_that_is_watched() -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert text(variables["METRICS_NAMESPACE"]) == NAMESPACE
    assert variables["POWERTOOLS_SERVICE_NAME"] == SERVICE


def test_the_budget_that_rings_is_the_one_that_holds() -> None:
    variables = RESOURCES["MobileFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["LIMIT_SMS_DAY"] == {"Ref": "LimitSmsDay"}
    assert TEMPLATE["Parameters"]["LimitSmsDay"]["Default"] == Settings().limit_sms_day


def test_every_log_is_kept_as_long_as_the_stage_says() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {
            "Fn::FindInMap": ["Logs", {"Ref": "Stage"}, "RetentionInDays"],
        }
    used = [function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in functions().values()]
    assert sorted([*used, "ApiLogs"]) == sorted(groups)
    stages = set(TEMPLATE["Parameters"]["Stage"]["AllowedValues"])
    assert set(TEMPLATE["Mappings"]["Logs"]) == set(TEMPLATE["Mappings"]["Deployment"]) == stages


def functions() -> dict[str, Any]:
    return of_type("AWS::Serverless::Function")


def test_the_access_log_is_json_without_anything_secret() -> None:
    """The gateway puts no quotation marks around what it fills in."""
    form = RESOURCES["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    assert json.loads(form) == {
        "time": "$context.requestTime",
        "request_id": "$context.requestId",
        "ip": "$context.identity.sourceIp",
        "route": "$context.routeKey",
        "method": "$context.httpMethod",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "ms": "$context.responseLatency",
        "function_ms": "$context.integrationLatency",
        "error": "$context.integrationErrorMessage",
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_resource_is_tagged_by_the_stack(stage: str) -> None:
    """CloudFormation hands the tags of a stack on to all of it that can bear tags."""
    deploy = SAMCONFIG[stage]["deploy"]["parameters"]
    assert deploy["tags"] == ["project=lingpai", f"stage={stage}"]
    assert f"Stage={stage}" in deploy["parameter_overrides"]


_TRANSLATE = """
import json, os, sys
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template, parameters = json.load(sys.stdin)
json.dump(Translator({}, Parser()).translate(template, parameters), sys.stdout)
"""


def translated(layer: str = "layer-1", **parameters: str) -> dict[str, Any]:
    """The resources that SAM makes of the template for these parameters, and for a layer with this content."""
    python = ROOT / ".cache" / "sam" / "bin" / "python"
    if not python.exists():
        pytest.skip("SAM is not installed: `make build` does that")
    content = json.loads(json.dumps(TEMPLATE))
    for name, resource in content["Resources"].items():
        for key in ("CodeUri", "ContentUri"):
            if key in resource["Properties"]:
                resource["Properties"][key] = f"s3://bucket/{layer if key == 'ContentUri' else name}"
    given = {name: given["Default"] for name, given in content["Parameters"].items() if "Default" in given}
    ended = subprocess.run(  # noqa: S603 (a tool of this project)
        [python, "-c", _TRANSLATE],
        input=json.dumps([content, {**given, **parameters}]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    resources: dict[str, Any] = json.loads(ended.stdout)["Resources"]
    return resources


def test_prod_takes_a_bad_version_back() -> None:
    """Each function has a group that shifts its calls in steps, and back on an alarm."""
    resources = translated(Stage="prod")
    groups = {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CodeDeploy::DeploymentGroup"
    }
    assert set(groups) == {f"{name}DeploymentGroup" for name in functions()}
    for group in groups.values():
        watched, alarms, _ = group["AlarmConfiguration"]["Fn::If"]
        assert watched == "IsWatched"
        assert alarms["Enabled"] is True
        names = {alarm["Name"]["Ref"] for alarm in alarms["Alarms"]}
        assert names == {"ApiErrorsAlarm", "FunctionErrorsAlarm", "StoreErrorsAlarm"}
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
    # Where there are deployments that alarms stop, there are alarms.
    assert TEMPLATE["Conditions"]["IsWatched"]["Fn::Or"][0] == {"Condition": "IsProd"}
    aliases = [resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Alias"]
    assert [alias["Properties"]["Name"] for alias in aliases] == ["live"] * len(functions())
    assert all("CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"] for alias in aliases)


def test_dev_does_it_at_once() -> None:
    resources = translated(Stage="dev")
    assert [name for name, resource in resources.items() if resource["Type"].startswith("AWS::CodeDeploy")] == []
    aliases = [resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Alias"]
    assert len(aliases) == len(functions())


def test_a_change_of_the_layer_is_a_new_version_of_each_function() -> None:
    """Nearly all code is there. Else the alias would stay with the old one, for good."""

    def versions(layer: str) -> set[str]:
        resources = translated(layer=layer)
        return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}

    before, after = versions("layer-1"), versions("layer-2")
    assert len(before) == len(after) == len(functions())
    assert before & after == set()
    assert before == versions("layer-1")


@pytest.mark.parametrize("tracing", ["Disabled", "Active"])
def test_nothing_is_granted_to_traces_that_are_not_made(tracing: str) -> None:
    resources = translated(Tracing=tracing)
    for name in functions():
        assert ("TracingConfig" in resources[name]["Properties"]) is (tracing == "Active")
        assert ("xray" in json.dumps(resources[f"{name}Role"]).lower()) is (tracing == "Active")
