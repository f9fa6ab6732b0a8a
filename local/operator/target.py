"""The deployment that a command works on: a stack, the local server, or the one that the environment names."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from lingpai import bootstrap
from lingpai.aws.client import aws_client
from lingpai.services import Services
from lingpai.settings import Settings, from_environment
from lingpai.store import DynamoStore
from local import deployment, dynamodb, environment
from local.deployment import Deployment
from local.operator.console import Failed

# In seconds. A transaction of a hundred items takes longer than a login.
_STORE_TIMEOUTS = {"store_connect_timeout": 5.0, "store_read_timeout": 20.0}
_ANSWERS_WITHIN = 5.0
# Variables that would name another deployment than the stack, and the sender, which the stack's functions have.
_NOT_THE_STACKS = (
    *("DYNAMODB_ENDPOINT", "KEYS_FILE", "CODE_PEPPER", "CODE_PEPPER_SECRET", "SMS_PROVIDER", "ISSUER"),
    *("WEBHOOKS_QUEUE", "WEBHOOKS_FAILED_QUEUE", "WEBHOOK_LOOPBACK", "EVENTS_FAILED_QUEUE", "EVENT_BUS"),
)


@dataclass(frozen=True)
class Target:
    """A deployment: its name in messages, the address of its API if known, and its stack if it is one."""

    name: str
    url: str | None
    stack: Deployment | None = None
    local: bool = False


@contextmanager
def opened(stack: str | None, *, local: bool) -> Iterator[Target]:
    """Find the deployment, and set this process's environment to its functions' as long as the context lasts."""
    before = dict(os.environ)
    try:
        if "AWS_REGION" not in os.environ and "AWS_DEFAULT_REGION" in os.environ:
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"]
        # boto3 reads AWS_DEFAULT_REGION, the settings AWS_REGION.
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
    """Open the target's services, with at most `parallel` connections to its store."""
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
    """Set the local server's settings and its store: the one at DYNAMODB_ENDPOINT, or the embedded one."""
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
    # Nothing here is on AWS, so its profiles and sessions must not apply.
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
    """Return the settings with longer timeouts, and without metrics, which would mix with the results.

    The store is asked through botocore, which supports the profiles and proxies of an operator's machine.
    """
    patient = {name: value for name, value in _STORE_TIMEOUTS.items() if not environ.get(name.upper())}
    return settings.model_copy(update={**patient, "aws_transport": "botocore", "metrics_namespace": ""})
