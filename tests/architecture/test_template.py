"""What template.yaml gives to whom: keys, secrets, versions."""

import re
from typing import Any

import pytest
import yaml

from lingpai.settings import Settings
from local import template
from tests.support.stores import ROOT, TEMPLATE

DOCUMENT: Any = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader=template._Loader)  # noqa: S506
RESOURCES: Any = DOCUMENT["Resources"]
GLOBALS: Any = DOCUMENT["Globals"]["Function"]
FUNCTIONS = {
    name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"].endswith("::Function")
}
ISSUING = {"TokenFunction", "MobileFunction", "SignFunction"}
# Those that know codes, or take temporary tokens, whose proof is made with the same pepper.
PEPPERED = {"TokenFunction", "MobileFunction", "UsersFunction", "PagesFunction", "RolesFunction"}


def allowed(function: str) -> set[tuple[str, str]]:
    """Each action with the resource, by its logical id, that the function may do it to."""
    found = set()
    for policy in FUNCTIONS[function]["Policies"]:
        for statement in policy["Statement"]:
            if isinstance(statement, template._Call):
                # One that a condition adds.
                statement = statement.argument[1]  # noqa: PLW2901
            if statement["Effect"] == "Deny":
                continue
            resources = statement["Resource"]
            for resource in resources if isinstance(resources, list) else [resources]:
                name = str(getattr(resource, "argument", resource)).removesuffix(".Arn")
                found |= {(action, name) for action in statement["Action"]}
    return found


def who_may(action: str, resource: str) -> set[str]:
    return {function for function in FUNCTIONS if (action, resource) in allowed(function)}


def test_who_may_do_what_with_the_keys() -> None:
    """Those that issue tokens open private halves; those that verify read; one makes and takes away, and opens none.

    The console sees what the table is like, too.

    The pages open secrets of authenticator apps by the same key, and nothing else; deliveries are signed by keys, and
    by the secrets of webhooks (`test_policies`).
    """
    assert who_may("kms:Decrypt", "KeysKey") == {*ISSUING, "PagesFunction", "WebhooksFunction"}
    assert who_may("dynamodb:Scan", "KeysTable") == set(FUNCTIONS) - {"DeletionsFunction", "EventsFunction"}
    everything = {(function, *entry) for function in FUNCTIONS for entry in allowed(function)}
    on_keys = {(function, action) for function, action, name in everything if name in ("KeysTable", "KeysKey")}
    plain = {"dynamodb:Scan", "kms:Decrypt"}
    assert {entry for entry in on_keys if entry[1] not in plain} == {
        ("KeysFunction", "dynamodb:PutItem"),
        ("KeysFunction", "dynamodb:UpdateItem"),
        ("KeysFunction", "kms:GenerateDataKeyPairWithoutPlaintext"),
        ("PagesFunction", "kms:Encrypt"),
        ("ConsoleFunction", "dynamodb:PutItem"),
        ("ConsoleFunction", "dynamodb:DescribeTable"),
        ("ConsoleFunction", "dynamodb:DescribeTimeToLive"),
        ("ConsoleFunction", "dynamodb:DescribeContinuousBackups"),
        ("ConsoleFunction", "kms:GenerateDataKeyPairWithoutPlaintext"),
    }
    assert {name for function, _, name in everything if function == "KeysFunction"} == {"KeysTable", "KeysKey"}


def test_who_may_read_the_pepper() -> None:
    """Whoever is told where it is may read it, and nobody else."""
    told = {
        function
        for function, given in FUNCTIONS.items()
        if "CODE_PEPPER_SECRET" in {**GLOBALS["Environment"], **given.get("Environment", {})}["Variables"]
    }
    assert told == who_may("secretsmanager:GetSecretValue", "CodePepper") == PEPPERED


def references(value: Any) -> set[str]:
    """The logical ids and parameters that a value names, the conditions' own parameters included."""
    match value:
        case template._Call("Ref", str(name)):
            return {name}
        case template._Call("If", [str(condition), yes, no]):
            return references(DOCUMENT["Conditions"][condition]) | references(yes) | references(no)
        case template._Call(_, argument):
            return references(argument)
        case dict():
            return {name for part in value.values() for name in references(part)}
        case list():
            return {name for part in value for name in references(part)}
        case _:
            return set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_change_is_a_new_version(function: str) -> None:
    """SAM publishes one where code, layer or properties change, and does not look at what a parameter's value is.

    So what calls the alias would go on with the old value: the version's description has each parameter that the
    function is configured by, since CloudFormation replaces a version whose description changes. It has at most 256
    characters, and no other parameter: without a change of the function Lambda publishes no version, which is a fault.
    For those that are too long for it, such as a provider's settings, stands `Release`, which is changed with them.
    """
    given = FUNCTIONS[function]
    merged = {
        **GLOBALS,
        **given,
        "Environment": [GLOBALS["Environment"], given.get("Environment", {})],
    }
    configured = {
        name: merged[name]
        for name in merged
        if name not in ("Policies", "Events", "LoggingConfig", "DeploymentPreference")
    }
    description = configured.pop("VersionDescription").argument
    parameters: Any = DOCUMENT["Parameters"]
    named = re.findall(r"\$\{(\w+)\}", description)
    used = references(configured) & set(parameters)
    long = {name for name in used if not {"MaxLength", "AllowedValues"} & set(parameters[name])}
    assert "Release" in named
    assert set(named) == used - long
    longest = {
        name: value.get("MaxLength") or max(map(len, value["AllowedValues"]))
        for name, value in parameters.items()
        if name in named
    }
    assert len(re.sub(r"\$\{\w+\}", "", description)) + sum(longest[name] for name in named) <= 256
    assert given["AutoPublishAliasAllProperties"] is True
    assert GLOBALS["AutoPublishAlias"] == "live"
    assert RESOURCES["CommonLayer"]["Properties"]["PublishLambdaVersion"] is True


def routes() -> dict[str, str]:
    """The parameter that throttles each route, by its key."""
    settings: Any = RESOURCES["HttpApi"]["Properties"]["RouteSettings"]
    found = {}
    for key, given in settings.items():
        assert given["ThrottlingRateLimit"] == given["ThrottlingBurstLimit"], key
        assert set(given) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}, key
        found[key] = given["ThrottlingRateLimit"].argument
    return found


@pytest.mark.security("F39")
def test_each_route_has_a_throttle_of_its_own() -> None:
    """API Gateway keeps a bucket for each route that has settings; `$default` takes what no other route does."""
    assert set(routes()) == {route.key for route in TEMPLATE.routes}
    default: Any = RESOURCES["HttpApi"]["Properties"]["DefaultRouteSettings"]
    assert default["ThrottlingRateLimit"].argument == "ThrottleAccounts"
    for name in {*routes().values()}:
        assert DOCUMENT["Parameters"][name]["Type"] == "Number"
        assert DOCUMENT["Parameters"][name]["MinValue"] == 1


@pytest.mark.security("F39")
@pytest.mark.parametrize(
    ("route", "parameter"),
    [
        ("ANY /oauth/token", "ThrottleTokens"),
        ("ANY /oauth/introspect", "ThrottleChecks"),
        ("ANY /mobile/code/get", "ThrottleCodes"),
        ("ANY /User/Register", "ThrottleRegistrations"),
        ("ANY /users/current", "ThrottleAccounts"),
        ("ANY /.well-known/jwks.json", "ThrottlePublic"),
    ],
)
def test_groups_of_routes_are_throttled_apart(route: str, parameter: str) -> None:
    assert routes()[route] == parameter


@pytest.mark.security("F39")
def test_a_domain_of_ones_own() -> None:
    """It is there where it is named; only then may the address that AWS gave be closed."""
    domain, mapping = RESOURCES["ApiDomain"], RESOURCES["ApiDomainMapping"]
    assert domain["Condition"] == mapping["Condition"] == "HasDomain"
    (configured,) = domain["Properties"]["DomainNameConfigurations"]
    assert configured["SecurityPolicy"] == "TLS_1_2"
    assert mapping["Properties"]["ApiId"].argument == "HttpApi"
    closed = RESOURCES["HttpApi"]["Properties"]["DisableExecuteApiEndpoint"]
    assert closed.argument == ["IsClosed", True, False]
    rules = DOCUMENT["Rules"]
    assert set(rules) == {"DomainHasCertificate", "ClosedApiHasDomain"}
    assert references(rules["ClosedApiHasDomain"]) == {"DisableExecuteApiEndpoint", "DomainName"}
    assert {DOCUMENT["Parameters"][name]["Default"] for name in ("DomainName", "CertificateArn")} == {""}


@pytest.mark.security("F39")
def test_who_may_read_the_secret_of_the_proxy() -> None:
    """Whoever is told where it is: those whose limits count addresses, or whose changes name them."""
    told = {
        function
        for function, given in FUNCTIONS.items()
        if "TRUSTED_PROXY_SECRET_SECRET" in given.get("Environment", {}).get("Variables", {})
    }
    assert told == who_may("secretsmanager:GetSecretValue", "TrustedProxySecret")
    assert told == {
        "TokenFunction",
        "MobileFunction",
        "SignFunction",
        "UsersFunction",
        "PagesFunction",
        "ConsoleFunction",
    }


def test_the_first_keys_are_made_at_once() -> None:
    """A rate without a start date: EventBridge Scheduler calls as soon as the schedule is there."""
    (schedule,) = FUNCTIONS["KeysFunction"]["Events"].values()
    assert schedule["Type"] == "ScheduleV2"
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 hour)"
    assert "StartDate" not in schedule["Properties"]


@pytest.mark.security("F32")
@pytest.mark.parametrize(
    ("origins", "split"),
    [
        ("https://a.example, https://b.example", ("https://a.example", "https://b.example")),
        (" https://a.example ,http://localhost:8080 ", ("https://a.example", "http://localhost:8080")),
        ("*", ("*",)),
    ],
)
def test_the_origins_of_pages_are_split_without_spaces(origins: str, split: tuple[str, ...]) -> None:
    """A browser's Origin has none, so that one with a space would match no page."""
    _, rules, _ = RESOURCES["HttpApi"]["Properties"]["CorsConfiguration"].argument
    assert template._words(rules["AllowOrigins"], {"CorsOrigins": origins}) == split
    assert re.fullmatch(DOCUMENT["Parameters"]["CorsOrigins"]["AllowedPattern"], origins)


@pytest.mark.security("F32")
@pytest.mark.parametrize(
    "origins", ["https://a.example/", "https://H5.Example", "a.example", "https://*.example", "*,https://a.example"]
)
def test_what_no_browser_sends_is_no_parameter(origins: str) -> None:
    assert not re.fullmatch(DOCUMENT["Parameters"]["CorsOrigins"]["AllowedPattern"], origins)


@pytest.mark.security("F32")
def test_the_headers_of_pages_are_those_of_the_setting() -> None:
    _, rules, _ = RESOURCES["HttpApi"]["Properties"]["CorsConfiguration"].argument
    default = DOCUMENT["Parameters"]["CorsHeaders"]["Default"]
    assert template._words(rules["AllowHeaders"], {"CorsHeaders": default}) == Settings().cors_headers
    assert TEMPLATE.cors.headers == Settings().cors_headers
    assert "CORS_ORIGINS" in FUNCTIONS["TokenFunction"]["Environment"]["Variables"]


def test_the_time_out_is_longer_than_what_may_take_long_by_itself() -> None:
    """So that the answer is the function's; and shorter than API Gateway's own, which is 30 seconds."""
    settings = Settings()
    a_try = settings.sign_connect_timeout + settings.sign_timeout
    # An OpenID provider whose address and keys are not known yet is asked twice.
    longest = max(settings.sms_deadline, 2 * a_try)
    for function in TEMPLATE.functions:
        if function.name not in ("KeysFunction", "DeletionsFunction"):
            assert longest < function.timeout < 30


def test_tables_are_encrypted() -> None:
    """All of them; those that people would miss can be restored to any point of the last 35 days."""
    tables = {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == "AWS::DynamoDB::Table"}
    assert all(table["SSESpecification"] == {"SSEEnabled": True} for table in tables.values())
    recovered = {name for name, table in tables.items() if "PointInTimeRecoverySpecification" in table}
    assert {"ClientsTable", "UsersTable", "IdentitiesTable", "RolesTable", "FactorsTable"} <= recovered
