"""examples/api on the stand-in: built and deployed by SAM, its authorizers asked by the stand-in's API Gateway.

The stand-in deploys nothing of the OpenAPI body that SAM makes, so authorizers and routes are read from that body and
created by the API of API Gateway.
"""

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deploy.stack import EXAMPLE
from tests.deploy.stand_in import ACCOUNT, REGION, StandIn
from tests.support.issuer import NOTES_API, NOTES_APP, REPORT_APP, RESOURCE, Issuer, open_issuer
from tests.support.outcomes import architecture

METADATA = f"{RESOURCE}/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Lingpai on this machine, which the functions in the stand-in reach."""
    with open_issuer() as opened:
        yield opened


@dataclass(frozen=True)
class Deployed:
    """The example on the stand-in, for this issuer."""

    stand_in: StandIn
    name: str

    def deploy(self, issuer: str) -> None:
        """Deploy what was built, by SAM, and create what the stand-in leaves out."""
        parameters = {
            "Issuer": issuer,
            "Resource": RESOURCE,
            "ClientId": NOTES_API[0],
            "ClientSecret": NOTES_API[1],
            "Architecture": architecture(),
        }
        self.stand_in.sam(
            self.stand_in.root,
            *("deploy", "--stack-name", self.name, "--region", REGION),
            *("--template-file", str(EXAMPLE / "template.yaml"), "--resolve-s3"),
            *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"),
            *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
        )
        self._open_api(parameters)

    def _open_api(self, parameters: dict[str, str]) -> None:
        body = self.resources()["Api"]["Properties"]["Body"]
        gateway, api = self.stand_in.client("apigatewayv2"), self.physical("Api")
        authorizers = {
            name: self._create_authorizer(name, scheme["x-amazon-apigateway-authorizer"], parameters)
            for name, scheme in body["components"]["securitySchemes"].items()
        }
        made = gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            PayloadFormatVersion="2.0",
            IntegrationUri=self._arn("NotesFunction"),
        )
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                ((name, scopes),) = (operation.get("security") or [{"NONE": []}])[0].items()
                gateway.create_route(
                    ApiId=api,
                    RouteKey=f"{method.upper()} {path}",
                    Target=f"integrations/{made['IntegrationId']}",
                    **authorizers.get(name, {}),
                    **({"AuthorizationScopes": scopes} if scopes else {}),
                )

    def _create_authorizer(self, name: str, given: Any, parameters: dict[str, str]) -> dict[str, str]:
        """Create the authorizer that the body describes; what its routes say of it."""
        gateway, api = self.stand_in.client("apigatewayv2"), self.physical("Api")
        if given["type"] == "jwt":
            (audience,) = given["jwtConfiguration"]["audience"]
            made = gateway.create_authorizer(
                ApiId=api,
                Name=name,
                AuthorizerType="JWT",
                IdentitySource=[given["identitySource"]],
                JwtConfiguration={
                    "Issuer": parameters[given["jwtConfiguration"]["issuer"]["Ref"]],
                    "Audience": [parameters[audience["Ref"]]],
                },
            )
            return {"AuthorizerId": made["AuthorizerId"], "AuthorizationType": "JWT"}
        assert given["type"] == "request"
        function = self._arn("AuthorizerFunction")
        made = gateway.create_authorizer(
            ApiId=api,
            Name=name,
            AuthorizerType="REQUEST",
            AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
            AuthorizerPayloadFormatVersion=given["authorizerPayloadFormatVersion"],
            EnableSimpleResponses=given["enableSimpleResponses"],
            IdentitySource=given["identitySource"],
            AuthorizerResultTtlInSeconds=given["authorizerResultTtlInSeconds"],
        )
        return {"AuthorizerId": made["AuthorizerId"], "AuthorizationType": "CUSTOM"}

    def resources(self) -> Any:
        """The resources that SAM made of the template."""
        found = self.stand_in.client("cloudformation").get_template(StackName=self.name, TemplateStage="Processed")
        return found["TemplateBody"]["Resources"]

    def physical(self, logical: str) -> str:
        """The id or name that a resource of the template got."""
        found = self.stand_in.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
        physical: str = names[logical]
        return physical

    def _arn(self, function: str) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.physical(function)}"

    def call(self, path: str, token: str | None = None, method: str = "GET") -> tuple[int, dict[str, str], Any]:
        """The status, the headers (names in lower case) and the JSON of the answer."""
        url = f"{self.stand_in.url}/_aws/execute-api/{self.physical('Api')}/$default{path}"
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 (the stand-in)
        context = ssl.create_default_context(cafile=str(self.stand_in.certificate))
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310
                return answer.status, dict(_lower(answer.headers)), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(_lower(error.headers)), json.loads(error.read())


def _lower(headers: Any) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers.items())


@pytest.fixture(scope="module")
def example(running: StandIn, issuer: Issuer) -> Iterator[Deployed]:
    """The example, deployed."""
    deployed = Deployed(running, f"example-{secrets.token_hex(4)}")
    deployed.deploy(issuer.url)
    yield deployed
    running.client("cloudformation").delete_stack(StackName=deployed.name)


def refusal(answer: tuple[int, dict[str, str], Any]) -> tuple[int, str | None, Any]:
    """The status, the challenge and the JSON."""
    status, headers, content = answer
    return status, headers.get("www-authenticate"), content


def invalid(description: str) -> tuple[int, str, Any]:
    """The refusal of a token at a route of the Lambda authorizer."""
    challenge = f'Bearer error="invalid_token", error_description="{description}", resource_metadata="{METADATA}"'
    return 401, challenge, {"error": "invalid_token"}


def test_what_sam_makes_of_the_template(example: Deployed) -> None:
    """Every route but the metadata's has an authorizer, and API Gateway may invoke the function."""
    resources = example.resources()
    body = resources["Api"]["Properties"]["Body"]
    security = {
        f"{method.upper()} {path}": operation.get("security")
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    }
    assert security == {
        "GET /.well-known/oauth-protected-resource": [{"NONE": []}],
        "GET /notes": [{"Lingpai": []}],
        "POST /notes": [{"Lingpai": []}],
        "GET /report": [{"SignedTokens": ["read"]}],
    }
    given = body["components"]["securitySchemes"]["Lingpai"]["x-amazon-apigateway-authorizer"]
    assert given["authorizerResultTtlInSeconds"] == 60
    assert given["identitySource"] == ["$request.header.Authorization"]
    permission = next(each["Properties"] for name, each in resources.items() if name.endswith("AuthorizerPermission"))
    assert permission["FunctionName"] == {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}
    assert permission["Principal"] == "apigateway.amazonaws.com"


def test_the_metadata(example: Deployed, issuer: Issuer) -> None:
    status, _, content = example.call("/.well-known/oauth-protected-resource")
    assert (status, content["resource"], content["authorization_servers"]) == (200, RESOURCE, [issuer.url])


@pytest.mark.parametrize("client", [NOTES_APP, REPORT_APP], ids=["opaque", "signed"])
def test_good_tokens_at_the_lambda_authorizer(example: Deployed, issuer: Issuer, client: tuple[str, str]) -> None:
    token, user = issuer.tokens(client, scope="read")["access_token"], str(issuer.api.user_id("alice"))
    status, _, content = example.call("/notes", token)
    assert (status, content) == (200, {"notes": [f"A note of {user}"]})
    challenge = f'Bearer error="insufficient_scope", scope="write", resource_metadata="{METADATA}"'
    expected = (403, challenge, {"error": "insufficient_scope"})
    assert refusal(example.call("/notes", token, "POST")) == expected


def test_a_good_token_at_the_jwt_authorizer(example: Deployed, issuer: Issuer) -> None:
    status, _, content = example.call("/report", issuer.tokens(REPORT_APP)["access_token"])
    assert (status, content) == (200, {"report": "A report for report-app"})


def test_no_token(example: Deployed) -> None:
    for path in ("/notes", "/report"):
        status, _, content = example.call(path)
        assert (status, content) == (401, {"message": "Unauthorized"})


def test_wrong_tokens_at_the_lambda_authorizer(example: Deployed, issuer: Issuer) -> None:
    for token, description in (
        (issuer.sign(exp=1), "The access token has expired"),
        (issuer.sign(aud="https://other.example"), "The access token is not for this API"),
        (issuer.sign("retired"), "The access token is signed by an unknown key"),
        (issuer.sign(iss="https://id.example"), "The access token is invalid"),
        (issuer.tokens(NOTES_APP, resource="")["access_token"], "The access token is not for this API"),
        (issuer.tokens(NOTES_APP)["refresh_token"], "The access token is invalid or has expired"),
    ):
        assert refusal(example.call("/notes", token)) == invalid(description)


def test_wrong_tokens_at_the_jwt_authorizer(example: Deployed, issuer: Issuer) -> None:
    for token in (
        issuer.sign(exp=1),
        issuer.sign(aud="https://other.example"),
        issuer.sign("retired"),
        issuer.sign("curve"),
        issuer.sign(iss="https://id.example"),
        issuer.tokens(NOTES_APP)["access_token"],
    ):
        status, _, content = example.call("/report", token)
        assert (status, content) == (401, {"message": "Unauthorized"})
    status, _, content = example.call("/report", issuer.sign(scope="write"))
    assert (status, content) == (403, {"message": "Forbidden"})


def test_a_decision_is_kept(example: Deployed, issuer: Issuer) -> None:
    """A revoked token is accepted for a while; one that was not seen before is refused at once."""
    seen, unseen = (issuer.tokens(NOTES_APP)["access_token"] for _ in range(2))
    assert example.call("/notes", seen)[0] == 200
    for token in (seen, unseen):
        assert issuer.api.post("/oauth/revoke", form={"token": token}, basic=NOTES_APP).status == 200
    assert example.call("/notes", seen)[0] == 200
    assert refusal(example.call("/notes", unseen)) == invalid("The access token is invalid or has expired")
