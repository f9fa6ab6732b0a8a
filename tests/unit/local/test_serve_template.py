"""`python -m local.serve_template`: a template's API, with its parameters and authorizers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import gateway
from local.gateway import Request
from local.serve_template import load_api, main

TEMPLATE = """
Parameters:
  Greeting: {Type: String}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Check
        Authorizers:
          Check:
            FunctionArn: !GetAtt CheckFunction.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 0}
  CheckFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: check/, Handler: app.handler}
  GreetFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: greet/
      Handler: app.handler
      Environment: {Variables: {GREETING: !Ref Greeting}}
      Events:
        Greet: {Type: HttpApi, Properties: {Path: /greet, Method: get}}
"""
CHECK = """
def handler(event, context):
    name = event["headers"]["authorization"]
    return {"isAuthorized": name != "nobody", "context": {"name": name}}
"""
GREET = """
def handler(event, context):
    return event["requestContext"]["authorizer"]["lambda"]["name"]
"""


@pytest.fixture
def template(tmp_path: Path) -> Iterator[Path]:
    """The template, with its functions beside it."""
    for name, code in (("check", CHECK), ("greet", GREET)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(code)
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    yield path
    for name in ("CheckFunction", "GreetFunction"):
        sys.modules.pop(f"_lingpai_function_{name}", None)


def test_an_api(template: Path) -> None:
    """Its functions are found beside the template, and its authorizers are asked."""
    environ: dict[str, str] = {}
    api = load_api(template, {"Greeting": "Hello"}, environ, 3001)
    assert environ == {"GREETING": "Hello"}

    def ask(*headers: tuple[str, str]) -> tuple[int, bytes]:
        reply = gateway.answer(api, Request("GET", "/greet", headers))
        return reply.status, reply.body

    assert ask(("authorization", "mei")) == (200, b"mei")
    assert ask(("authorization", "nobody")) == (403, json.dumps({"message": "Forbidden"}).replace(" ", "").encode())
    assert ask() == (401, json.dumps({"message": "Unauthorized"}).replace(" ", "").encode())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: python -m local.serve_template TEMPLATE [PARAMETER=VALUE…]\n"),
        (["TEMPLATE", "Greeting"], "usage: python -m local.serve_template TEMPLATE [PARAMETER=VALUE…]\n"),
        (["TEMPLATE", "Name=x"], "TEMPLATE: no parameter Name\n"),
        (["TEMPLATE.yml"], "TEMPLATE.yml: No such file or directory\n"),
    ],
)
def test_what_cannot_be_served(
    template: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """It says why, and ends with 2."""
    given = [each.replace("TEMPLATE", str(template)) for each in arguments]
    assert main(given, {"PORT": "0"}) == 2
    text = said if said.startswith("usage") else said.replace("TEMPLATE", str(template))
    assert capsys.readouterr().err == text


def test_a_port_that_is_none(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(template)], {"PORT": "x"}) == 2
    assert capsys.readouterr().err.startswith("PORT: 'x' is not a port from 0 to 65535.")
