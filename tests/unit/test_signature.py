"""The signature, and the credentials it is made with, beside botocore's own."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from lingpai.aws.credentials import Credentials, finder
from lingpai.aws.signature import signed
from tests.support.vendor import Line, serving

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
_TEXTS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+=", min_size=1, max_size=40)
_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@given(
    secret=_TEXTS,
    token=st.none() | _TEXTS,
    region=_NAMES,
    service=_NAMES,
    path=st.sampled_from(("/", "/a/path")),
    body=st.binary(max_size=200),
    at=st.integers(0, 4_000_000_000),
)
def test_it_is_botocores(
    secret: str, token: str | None, region: str, service: str, path: str, body: bytes, at: int
) -> None:
    """Header by header, for whatever is signed."""
    given_headers = {"host": "example.com:8000", "content-type": "application/x-amz-json-1.0", "x-amz-target": "A.B"}
    ours = signed(Credentials("AKID", secret, token), region, service, path, given_headers, body, at)
    request = botocore.awsrequest.AWSRequest(
        method="POST", url=f"https://example.com:8000{path}", headers={**given_headers}, data=body
    )
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None))
        botocore.auth.SigV4Auth(
            botocore.credentials.ReadOnlyCredentials("AKID", secret, token), service, region
        ).add_auth(request)
    theirs = {name.lower(): str(value) for name, value in request.headers.items()}
    assert ours == theirs


def test_nothing_of_them_is_shown() -> None:
    assert repr(Credentials("AKID", "the-secret", "the-token")) == "Credentials(key_id='AKID')"


def test_those_of_the_environment_are_taken() -> None:
    """As Lambda gives them; a user's own key has no token."""
    assert finder(KEYS)() == Credentials(*KEYS.values())
    assert finder({**KEYS, "AWS_SESSION_TOKEN": ""})() == Credentials(*KEYS.values())
    assert finder({**KEYS, "AWS_SESSION_TOKEN": "t"})() == Credentials(
        "AKIDEXAMPLE", KEYS["AWS_SECRET_ACCESS_KEY"], "t"
    )


class Agent:
    """What Lambda has in an environment that came from a snapshot: an address that gives credentials for a while."""

    def __init__(self) -> None:
        self.given = 0
        self.good_for = datetime.timedelta(hours=6)

    def answer(self, path: str, query: str) -> tuple[int, bytes]:
        """The next credentials."""
        self.given += 1
        until = datetime.datetime.now(datetime.UTC) + self.good_for
        content = {
            "AccessKeyId": f"AKID{self.given}",
            "SecretAccessKey": "s",
            "Token": f"token {self.given}",
            "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return 200, json.dumps(content).encode()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Agent, Line]]:
    """The environment of such a process."""
    agent = Agent()
    for name in (*KEYS, "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with serving(agent) as line:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{line.url}/2021-11-12/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me")
        yield agent, line


def test_those_of_a_snapshot_are_asked_for_once(agent: tuple[Agent, Line]) -> None:
    given_by, line = agent
    find = finder({})
    assert [find(), find()] == [Credentials("AKID1", "s", "token 1")] * 2
    assert given_by.given == 1
    assert line.headers[0]["Authorization"] == "let me"


def test_those_that_end_are_renewed_in_time(agent: tuple[Agent, Line]) -> None:
    """botocore does that as soon as a quarter of an hour is left."""
    given_by, _ = agent
    given_by.good_for = datetime.timedelta(minutes=5)
    find = finder({})
    assert [find().key_id, find().key_id] == ["AKID2", "AKID3"]


def test_keys_with_a_time_are_botocores_to_renew(agent: tuple[Agent, Line], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes them from the environment once and for all."""
    environment: dict[str, Any] = {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2040-01-01T00:00:00Z"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    find = finder(environment)
    assert find() == Credentials(*KEYS.values())
    assert agent[0].given == 0


def test_none_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, agent: tuple[Agent, Line]) -> None:
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    with pytest.raises(NoCredentialsError):
        finder({})()
    assert agent[0].given == 0
