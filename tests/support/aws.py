"""AWS as far as `lingpai --stack` asks it, on 127.0.0.1: a stack, its secret, and tables that refuse."""

import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from xml.sax.saxutils import escape

from tests.support.background import answering

STACK = "lingpai-test"


@dataclass
class Aws:
    """What it answers: the outputs and parameters of the one stack, the secret, what is denied, and its time."""

    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    secret: str | None = "a pepper that is long enough"
    denied: str = "AccessDeniedException"
    ahead: float = 0
    url: str = ""

    def environment(self, *services: str) -> dict[str, str]:
        """What leads a process's clients of these services here."""
        return {f"AWS_ENDPOINT_URL_{service}": self.url for service in services}

    def answer(self, target: str, fields: Mapping[str, str]) -> tuple[int, str]:
        """Status and body: XML for CloudFormation, JSON for the others."""
        match fields.get("Action") or target.rpartition(".")[2]:
            case "DescribeStacks" if fields["StackName"] == STACK:
                outputs = _members("OutputKey", "OutputValue", self.outputs)
                parameters = _members("ParameterKey", "ParameterValue", self.parameters)
                return 200, _xml(
                    "DescribeStacks",
                    f"<Stacks><member><StackName>{STACK}</StackName><Outputs>{outputs}</Outputs>"
                    f"<Parameters>{parameters}</Parameters></member></Stacks>",
                )
            case "DescribeStackResource" if fields["StackName"] == STACK:
                detail = "<PhysicalResourceId>the-secret</PhysicalResourceId>"
                return 200, _xml("DescribeStackResource", f"<StackResourceDetail>{detail}</StackResourceDetail>")
            case "DescribeStacks" | "DescribeStackResource":
                code = (
                    f"<Code>ValidationError</Code><Message>Stack with id {fields['StackName']} does not exist</Message>"
                )
                return 400, f"<ErrorResponse><Error><Type>Sender</Type>{code}</Error></ErrorResponse>"
            case "GetSecretValue" if self.secret is not None:
                return 200, json.dumps({"Name": "the-secret", "SecretString": self.secret})
            case _:
                return 400, json.dumps({"__type": f"com.amazonaws#{self.denied}", "message": "not for you"})


@contextmanager
def serving() -> Iterator[Aws]:
    """It answers as long as the context lasts."""
    aws = Aws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            target = self.headers.get("x-amz-target", "")
            fields: dict[str, Any] = {} if target else dict(urllib.parse.parse_qsl(body))
            status, text = aws.answer(target, fields)
            self.send_response_only(status)
            self.send_header("date", format_datetime(datetime.now(UTC) + timedelta(seconds=aws.ahead), usegmt=True))
            self.send_header("content-type", "application/x-amz-json-1.0" if target else "text/xml")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with answering(Handler) as aws.url:
        yield aws


def _members(key: str, value: str, entries: Mapping[str, str]) -> str:
    return "".join(
        f"<member><{key}>{escape(name)}</{key}><{value}>{escape(given)}</{value}></member>"
        for name, given in entries.items()
    )


def _xml(action: str, result: str) -> str:
    return (
        f'<{action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
        f"<{action}Result>{result}</{action}Result></{action}Response>"
    )
