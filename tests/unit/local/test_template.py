"""What the local server takes from a template."""

from pathlib import Path
from textwrap import dedent

import pytest

from local.template import (
    CorsRules,
    Function,
    JwtAuthorizer,
    LambdaAuthorizer,
    Route,
    Table,
    TemplateError,
    load,
)

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  LogLevel: {Type: String, Default: INFO}
  Limit: {Type: Number, Default: 30}
  Domain: {Type: String}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/path}
Globals:
  Function:
    Handler: app.handler
    Timeout: 10
    Environment:
      Variables:
        ITEMS_TABLE: !Ref ItemsTable
        LOG_LEVEL: !Ref LogLevel
        LIMIT: !Ref Limit
        FLAG: true
        NAME: !Sub "${ItemsTable}-${LogLevel}"
        LONG: {Ref: ItemsTable}
        DOMAIN: !Ref Domain
        IMAGE: !Ref Image
        STACK: !Sub "${AWS::StackName}"
        ARN: !GetAtt ItemsTable.Arn
        CHOICE: !If [IsProd, a, b]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: !If
        - HasCors
        - AllowOrigins: !Split [",", !Ref CorsOrigins]
          AllowMethods: [GET, POST]
          AllowHeaders: [authorization]
          ExposeHeaders: [retry-after]
          AllowCredentials: true
          MaxAge: 600
        - !Ref AWS::NoValue
  OneFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one/
      MemorySize: 512
      Environment: {Variables: {LOG_LEVEL: DEBUG, OWN: x}}
      Events:
        Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /one, Method: any}}
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /one/get, Method: get}}
        Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api}}
  ItemsTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: !Sub "${AWS::StackName}-items"
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: !If [IsProd, true, false]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: owner, AttributeType: N}]
      GlobalSecondaryIndexes:
        - IndexName: by-owner
          KeySchema: [{AttributeName: owner, KeyType: HASH}]
          Projection: {ProjectionType: KEYS_ONLY}
          OnDemandThroughput: {MaxReadRequestUnits: 5}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
"""


def write(folder: Path, text: str) -> Path:
    """The text as a template in `folder`."""
    path = folder / "template.yaml"
    path.write_text(dedent(text))
    return path


def test_routes(tmp_path: Path) -> None:
    """Every HttpApi event is a route; one without a path is the catch-all; other events are none."""
    routes = load(write(tmp_path, TEMPLATE)).routes
    assert routes == (
        Route("ANY", "/one", "OneFunction"),
        Route("GET", "/one/get", "OneFunction"),
        Route("ANY", "$default", "OneFunction"),
    )
    assert [route.key for route in routes] == ["ANY /one", "GET /one/get", "$default"]


def test_function(tmp_path: Path) -> None:
    """Globals are merged in, and a variable that only a deployed stack could resolve is left out."""
    (function,) = load(write(tmp_path, TEMPLATE)).functions
    assert function == Function(
        name="OneFunction",
        code="functions/one/",
        handler="app.handler",
        environment={
            "ITEMS_TABLE": "ItemsTable",
            "LOG_LEVEL": "DEBUG",
            "LIMIT": "30",
            "FLAG": "true",
            "NAME": "ItemsTable-INFO",
            "LONG": "ItemsTable",
            "OWN": "x",
        },
        memory=512,
        timeout=10,
    )


def test_table(tmp_path: Path) -> None:
    """A table bears its logical id and keeps what `create_table` takes; its TTL stands beside that."""
    (table,) = load(write(tmp_path, TEMPLATE)).tables
    assert table == Table(
        name="ItemsTable",
        create={
            "TableName": "ItemsTable",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "owner", "AttributeType": "N"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-owner",
                    "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
        ttl="ttl",
    )


def test_cors_rules_under_a_condition(tmp_path: Path) -> None:
    """The rules are read although a condition guards them: the origins are a setting here."""
    assert load(write(tmp_path, TEMPLATE)).cors == CorsRules(
        methods=("GET", "POST"),
        headers=("authorization",),
        exposed=("retry-after",),
        max_age=600,
        credentials=True,
    )


def test_cors_rules_absent(tmp_path: Path) -> None:
    """Without rules there are defaults."""
    assert load(write(tmp_path, "Resources: {}")).cors == CorsRules()


PROTECTED = """
Parameters:
  Issuer: {Type: String}
  Other: {Type: String, Default: x}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Opaque
        Authorizers:
          Opaque:
            FunctionArn: !GetAtt CheckFunction.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 60}
          Signed:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: !Ref Issuer, audience: [one, !Sub "${Issuer}/api"]}
  OneFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: one/
      Handler: app.handler
      Events:
        Public: {Type: HttpApi, Properties: {Path: /public, Method: get, Auth: {Authorizer: NONE}}}
        Opaque: {Type: HttpApi, Properties: {Path: /opaque, Method: get}}
        Signed:
          Type: HttpApi
          Properties:
            Path: /signed
            Method: get
            Auth: {Authorizer: Signed, AuthorizationScopes: [read, all]}
"""


def test_authorizers(tmp_path: Path) -> None:
    """A route has the API's default authorizer unless it names another one or none."""
    template = load(write(tmp_path, PROTECTED), {"Issuer": "https://id.example"})
    assert template.routes == (
        Route("GET", "/public", "OneFunction"),
        Route("GET", "/opaque", "OneFunction", "Opaque"),
        Route("GET", "/signed", "OneFunction", "Signed", ("read", "all")),
    )
    assert template.authorizers == {
        "Opaque": LambdaAuthorizer("CheckFunction", ("authorization",), 60),
        "Signed": JwtAuthorizer("https://id.example", ("one", "https://id.example/api"), "authorization"),
    }


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("EnableSimpleResponses: true", "EnableSimpleResponses: false", "Opaque: served here are"),
        ('"2.0"', '"1.0"', "Opaque: served here are"),
        ("Headers: [Authorization]", "Headers: []", "Opaque: served here are"),
        ("Headers: [Authorization]", "Headers: [Authorization], QueryStrings: [a]", "Opaque: served here are"),
        ("Headers: [Authorization],", "", "Opaque: served here are"),
        # What API Gateway takes without it is not documented for HTTP APIs.
        (", ReauthorizeEvery: 60", "", "Opaque: served here are"),
        ("$request.header.Authorization", "$request.querystring.token", "Signed: .* in a header"),
        ("issuer: !Ref Issuer", "issuer: !GetAtt A.B", "Signed: the issuer and audiences must be known"),
        ("Authorizer: Signed,", "Authorizer: Singed,", "GET /signed: there is no authorizer Singed"),
        ("  Issuer: ", "  Another: ", "no parameter Issuer"),
    ],
)
def test_unusable_authorizers(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """What would be served otherwise than AWS does is refused."""
    assert old in PROTECTED
    with pytest.raises(TemplateError, match=complaint):
        load(write(tmp_path, PROTECTED.replace(old, new, 1)), {"Issuer": "https://id.example"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Resources: [", "not YAML"),
        ("just text", "no Resources"),
        (
            """
            Resources:
              F:
                Type: AWS::Serverless::Function
                Properties:
                  CodeUri: f/
                  Handler: app.handler
                  Events: {E: {Type: HttpApi, Properties: {Path: "/a/{id}", Method: GET}}}
            """,
            r"F: /a/\{id\}",
        ),
        (
            """
            Resources:
              F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f/}}
            """,
            "F: CodeUri and Handler",
        ),
    ],
)
def test_unusable(tmp_path: Path, text: str, complaint: str) -> None:
    """What cannot be served is named."""
    with pytest.raises(TemplateError, match=complaint):
        load(write(tmp_path, text))


def test_missing(tmp_path: Path) -> None:
    """So is a template that is not there."""
    with pytest.raises(TemplateError, match=r"template\.yaml: No such file"):
        load(tmp_path / "template.yaml")


def test_the_projects_own() -> None:
    """The real template can be served: its routes lead to its functions, which know all its tables."""
    template = load(Path(__file__).parents[3] / "template.yaml")
    names = {function.name for function in template.functions}
    # No client calls those that a schedule, a queue or a stream calls.
    by_others = {"EventsFunction", "KeysFunction", "WebhooksFunction"}
    assert {route.function for route in template.routes} == names - by_others
    assert {"/oauth/token", "/mobile/code/get", "/sign/token", "/users/register", "/roles/list"} <= {
        route.path for route in template.routes
    }
    for function in template.functions:
        assert {table.name for table in template.tables} <= set(function.environment.values())
