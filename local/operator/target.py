"""Which deployment a command works on: a stack, the local server, or the one that the environment names."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from lingpai import bootstrap
from lingpai.aws.client import aws_client
from lingpai.aws.dynamodb import DynamoStore
from lingpai.services import Services
from lingpai.settings import Settings, from_environment
from local import deployment, dynamodb, environment
from local.deployment import Deployment
from local.operator.console import Failed

# Seconds: a transaction of a hundred items is no login.
_STORE_TIMEOUTS = {"store_connect_timeout": 5.0, "store_read_timeout": 20.0}
_ANSWERS_WITHIN = 5.0
# What names another deployment than the stack does; and who sends, which only a message for a test asks for.
_NOT_THE_STACKS = ("DYNAMODB_ENDPOINT", "KEYS_FILE", "CODE_PEPPER", "CODE_PEPPER_SECRET", "SMS_PROVIDER")


@dataclass(frozen=True)
class Target:
    """A deployment: what it is called, where its API answers if that is known, and its stack if it is one."""

    name: str
    url: str | None
    stack: Deployment | None = None
    local: bool = False


@contextmanager
def opened(stack: str | None, *, local: bool) -> Iterator[Target]:
    """The deployment; as long as the context lasts this process's environment is that of its functions."""
    before = dict(os.environ)
    try:
        if "AWS_REGION" not in os.environ and "AWS_DEFAULT_REGION" in os.environ:
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"]
        # botocore reads the one, the settings the other.
        if "AWS_REGION" in os.environ:
            os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
        if stack is not None:
            yield _stack(stack, os.environ)
        elif local:
            yield _local(os.environ)
        else:
            endpoint = os.environ.get("DYNAMODB_ENDPOINT")
            name = f"DynamoDB at {endpoint}" if endpoint else "the tables that the environment names"
            yield Target(name, os.environ.get("ISSUER") or None, local=bool(endpoint))
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def services(target: Target, parallel: int = 1) -> Iterator[Services]:
    """The services of the place; `parallel` connections to its store at most."""
    settings = _patient(from_environment(os.environ), os.environ)
    endpoint = None if target.stack else os.environ.get("DYNAMODB_ENDPOINT")
    with dynamodb.open_store(endpoint, os.environ) if endpoint else nullcontext():
        client = aws_client(settings, "dynamodb", max_connections=parallel)
        tables = DynamoStore(settings, client=lambda: client)
        yield bootstrap.build(settings, tables, keys=bootstrap.key_store(settings, tables))


def _stack(name: str, environ: MutableMapping[str, str]) -> Target:
    for other in _NOT_THE_STACKS:
        environ.pop(other, None)
    found = deployment.find(name)
    environ.update(found.environment)
    environ["AWS_DEFAULT_REGION"] = found.region
    return Target(f"the stack {name}", found.url, stack=found)


def _local(environ: MutableMapping[str, str]) -> Target:
    """The local server's settings, and its store: one of its own at DYNAMODB_ENDPOINT, or the one that it embeds."""
    try:
        port = environment.read_port(environ)
    except environment.SettingError as error:
        raise Failed(str(error)) from None
    environment.prepare(environ, port)
    url = f"http://{environment.HOST}:{port}"
    if not environ.get("DYNAMODB_ENDPOINT"):
        if not _answers(f"{url}/health"):
            raise Failed(
                f"no local server answers at {url}: start it by `make run`, or say where it is: PORT=3001 lingpai …"
                "\nFor a DynamoDB that keeps its data set DYNAMODB_ENDPOINT, here and for `make run`."
            )
        environ["DYNAMODB_ENDPOINT"] = url + environment.STORE_PATH
    # No profile or session of AWS's: nothing here is theirs.
    for other in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environ.pop(other, None)
    environ["AWS_ACCESS_KEY_ID"] = environ["AWS_SECRET_ACCESS_KEY"] = "local"
    return Target(f"the local server at {url}", url, local=True)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_ANSWERS_WITHIN):
            return True
    except (OSError, ValueError):
        return False


def _patient(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """With time for the store. botocore asks it, which knows the ways of an operator's machine (profiles, proxies).

    No metrics either: they would stand between the results.
    """
    patient = {name: value for name, value in _STORE_TIMEOUTS.items() if not environ.get(name.upper())}
    return settings.model_copy(update={**patient, "aws_transport": "botocore", "metrics_namespace": ""})
