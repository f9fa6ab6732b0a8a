"""Priming: a restored function imports nothing more, and nothing secret was in the memory of its snapshot."""

import ast
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lingpai import bootstrap
from lingpai.aws import json_format
from lingpai.kernel.clock import Clock
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.settings import UNWRAPPED
from lingpai.signing_keys.stores import LocalKeyWrapper
from local import examples, seed
from tests.support import places, stores
from tests.support.background import answering
from tests.support.fake_aws import Asked, FakeAws, Told, serving
from tests.support.fake_web import make_certificate
from tests.support.logs import LOGS
from tests.support.stores import CHEAP, ROOT, TEMPLATE
from tools.write_events import EXAMPLES

EVENTS = sorted((ROOT / "events").glob("*.json"))
FUNCTIONS = ("mobile", "roles", "sign", "token", "users")
# In the environment of the process, and nowhere else.
SECRETS = {
    "CODE_PEPPER": "a-pepper-that-is-nowhere-else",
    "TRUSTED_PROXY_SECRET": "a-proxy-secret-that-is-nowhere-else",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a-container-token-that-is-nowhere-else",
}
# What the address of the credentials gives, as Lambda does after a restore.
CREDENTIALS = {
    "AccessKeyId": "testing",
    "SecretAccessKey": "a-secret-key",
    "Token": "a-session-token",
    "Expiration": "2099-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Aws:
    """DynamoDB and the address of credentials; `environment` is that of a function that is to use them."""

    dynamodb: FakeAws
    asked: list[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class First:
    """What came of the first request after a restore."""

    status: int
    imported: list[str]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The demo data and the examples on moto, behind TLS."""
    certificate = make_certificate(tmp_path_factory.mktemp("certificate"))
    given = json.loads((ROOT / "events" / "env.local.json").read_text("utf-8"))["Parameters"]
    settings = stores.settings(code_pepper=SECRETS["CODE_PEPPER"], digest_login=True, keys_kms_key=UNWRAPPED)
    with stores.on_moto() as store, serving(certificate) as dynamodb, _credentials() as (address, asked):
        services = bootstrap.build(settings, store)
        first_keys(store, LocalKeyWrapper(), Clock())
        seed.apply(seed.load(None), services)
        examples.put(services)
        client = store._connect()
        dynamodb.answer = lambda request: _answer(client, request)
        environment = {
            **{name: given[name] for name in ("OIDC_PROVIDERS", "LINK_PROVIDERS", "TRUSTED_ADDRESSES", "ISSUER")},
            **{name.upper(): str(value) for name, value in CHEAP.items()},
            **SECRETS,
            "AWS_CA_BUNDLE": str(certificate.path),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": address,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_REGION": "us-east-1",
            "DIGEST_LOGIN": "true",
            "API_DOCS": "true",
            "KEYS_KMS_KEY": UNWRAPPED,
            "METRICS_NAMESPACE": "Lingpai",
            "PATH": os.environ["PATH"],
            "PLACES_DATABASE": places.database(tmp_path_factory.mktemp("places"), {"127.0.0.0/8": places.SHANGHAI}),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        yield Aws(dynamodb, asked, environment)


def _answer(client: Any, request: Asked) -> Told:
    operation = request.headers["x-amz-target"].rpartition(".")[2]
    try:
        answer = client.call(operation, json_format.read(request.body, ("B",)))
    except ClientError as error:
        response: Any = error.response
        told = {name: response[name] for name in ("Item", "CancellationReasons") if name in response}
        return Told(400, json_format.write({"__type": f"x#{response['Error']['Code']}", **told}))
    answer.pop("ResponseMetadata")
    return Told(200, json_format.write(answer))


@contextmanager
def _credentials() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["authorization"])
            body = json.dumps(CREDENTIALS).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in http.server
            """Say nothing."""

    with answering(Handler) as url:
        yield f"{url}/credentials", asked


class Primed:
    """A process of `tests.support.primed`."""

    def __init__(self, environment: Mapping[str, str], *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (our own code)
            [sys.executable, "-m", "tests.support.primed", *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self._read_until("started")

    def prime(self) -> None:
        """Let it import the function and prime it."""
        self._go_on()
        self._read_until("primed")

    def answers(self) -> list[First]:
        """What the forks tell."""
        output, errors = self._process.communicate("\n", timeout=120)
        assert (self._process.returncode, errors) == (0, "")
        lines = [line for line in output.splitlines() if line]
        told = [json.loads(line) for line in lines]
        # The others are log lines, which show nothing secret.
        LOGS.add("\n".join(line for line, each in zip(lines, told, strict=True) if "imported" not in each))
        return [First(each["status"], each["imported"]) for each in told if "imported" in each]

    def count(self, text: str) -> int:
        """How often the text stands in the process's memory, as it is or in base64."""
        found = 0
        patterns = [text.encode(), base64.b64encode(text.encode()).rstrip(b"=")[:-1]]
        with Path(f"/proc/{self._process.pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{self._process.pid}/maps").read_text().splitlines():
                limits, rights, *_ = line.split()
                if "r" not in rights or "w" not in rights or "[v" in line:
                    continue
                start, end = (int(limit, 16) for limit in limits.split("-"))
                memory.seek(start)
                block = b""
                while len(block) < end - start and (more := memory.read(end - start - len(block))):
                    block += more
                found += sum(block.count(pattern) for pattern in patterns)
        return found

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _go_on(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _read_until(self, state: str) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            if told == {"state": state}:
                return
            self.log.append(told)
        raise AssertionError(self._process.communicate()[1])


def primed(aws: Aws, app: Path, *arguments: str, **environment: str) -> Iterator[Primed]:
    process = Primed({**aws.environment, **environment}, str(app), *arguments)
    try:
        yield process
    finally:
        process.end()


with_process = contextmanager(primed)


# How the events are answered.
STATUSES = {name: example.status for name, example in EXAMPLES.items()}


def app_of(function: str) -> Path:
    return ROOT / "functions" / function / "app.py"


def events_of(function: str) -> list[Path]:
    """The events of a function's routes: one for each path at least."""
    functions = {route.key: route.function for route in TEMPLATE.routes}
    wanted = f"{function.capitalize()}Function"
    return [path for path in EVENTS if functions.get(json.loads(path.read_text()).get("routeKey")) == wanted]


def test_each_route_has_an_event() -> None:
    for function in FUNCTIONS:
        paths = set(re.findall(r'"(/[^"]*)"', app_of(function).read_text("utf-8")))
        assert {json.loads(path.read_text())["rawPath"] for path in events_of(function)} >= paths


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_first_request_after_a_restore_imports_nothing(aws: Aws, function: str) -> None:
    """It answers each route well, with the credentials of the restored environment; nobody was called before."""
    events = events_of(function)
    before = len(aws.dynamodb.asked), aws.dynamodb.connections, len(aws.asked)
    with with_process(aws, app_of(function), *map(str, events)) as process:
        counts = {name: process.count(text) for name, text in SECRETS.items()}
        process.prime()
        # Each stands in the environment. No copy was made of it, not even one that is free again.
        assert {name: process.count(text) for name, text in SECRETS.items()} == counts
        assert min(counts.values()) > 0
        assert (len(aws.dynamodb.asked), aws.dynamodb.connections, len(aws.asked)) == before
        answers = process.answers()
    assert {path.stem: answer for path, answer in zip(events, answers, strict=True)} == {
        path.stem: First(STATUSES[path.stem], []) for path in events
    }
    assert set(aws.asked[before[2] :]) == {SECRETS["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    (line,) = process.log
    assert (line["level"], line["message"]) == ("INFO", "primed")
    assert {status for status in line["statuses"].values() if status >= 500} == set()


def test_our_own_transport_reads_no_certificate_authorities_after_a_restore(aws: Aws) -> None:
    event = ROOT / "events" / "token-client-credentials.json"
    with with_process(aws, app_of("token"), str(event), AWS_TRANSPORT="bare") as process:
        process.prime()
        assert process.answers() == [First(200, [])]


def test_a_secret_in_memory_would_be_noticed(aws: Aws, tmp_path: Path) -> None:
    """Though nothing refers to it any more."""
    app = tmp_path / "app.py"
    app.write_text("import os\ncopies = [os.environ['CODE_PEPPER'] for _ in range(5000)]\ndel copies\nhandler = None\n")
    with with_process(aws, app) as process:
        before = process.count(SECRETS["CODE_PEPPER"])
        process.prime()
        assert process.count(SECRETS["CODE_PEPPER"]) > before


def test_modules_that_are_not_loaded_before_would_be_noticed(aws: Aws) -> None:
    """Such as botocore's session, which only a process imports whose credentials are not in its environment."""
    event = ROOT / "events" / "token-client-credentials.json"
    with with_process(aws, app_of("token"), "--unloaded", str(event), AWS_TRANSPORT="bare") as process:
        process.prime()
        (answer,) = process.answers()
    assert answer.status == 200
    assert {"botocore.session", "encodings.idna", "certificate authorities"} <= set(answer.imported)


def test_an_import_of_the_first_request_would_be_noticed(aws: Aws, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        "from lingpai import bootstrap, priming\n"
        "from lingpai.http.oauth_error import oauth\n"
        "from lingpai.http.response import json_reply\n"
        "def late(services, request):\n"
        "    if request.source_ip != '127.0.0.1' or 'user-agent' in request.headers:\n"
        "        import wave\n"
        "    return json_reply(200, {})\n"
        "ROUTES = (oauth('/health', late, methods=('GET',)),)\n"
        "handler = bootstrap.lambda_handler(*ROUTES)\n"
        "priming.before_snapshot(*ROUTES)\n"
    )
    with with_process(aws, app, str(ROOT / "events" / "health.json")) as process:
        process.prime()
        assert process.answers() == [First(200, ["wave"])]


def test_a_failure_is_logged_and_stops_nothing(aws: Aws) -> None:
    """The functions answer as they would without priming, and their log says what was wrong."""
    event = ROOT / "events" / "health.json"
    with with_process(aws, app_of("token"), str(event), PASSWORD_FILTER="/nowhere") as process:
        process.prime()
        (line,) = process.log
        (answer,) = process.answers()
    assert (line["level"], line["message"], line["type"]) == ("ERROR", "priming failed", "SettingsError")
    assert line["frames"]
    assert answer.status == 500


def test_every_import_in_a_function_is_loaded() -> None:
    """But for those of a sender, provider, captcha or database that the settings have to choose.

    And for those of events and deliveries, whose functions start from no snapshot.
    """
    providers = ("oidc", "oidc_web", "wechat", "wechat_api", "wechat_tokens", "wechat_web")
    chosen = {f"lingpai.identity_providers.{name}" for name in providers}
    chosen |= {f"lingpai.captcha.{name}" for name in ("aliyun", "altcha", "geetest", "turnstile")}
    chosen.add("lingpai.browser_sessions.places")
    chosen |= {f"lingpai.aws.{name}" for name in ("event_bus", "queues")}
    chosen |= {f"lingpai.events.{name}" for name in ("counters", "records", "service")}
    chosen |= {f"lingpai.webhooks.{name}" for name in ("queue", "service")}
    wanted = set()
    for path in (ROOT / "layers" / "common" / "lingpai").rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import):
                        wanted |= {alias.name for alias in node.names}
                    elif isinstance(node, ast.ImportFrom):
                        wanted.add(str(node.module))
    wanted = {name for name in wanted if not name.startswith("lingpai.sms.senders.")} - chosen
    script = (
        "import json, sys\n"
        "from lingpai import priming\n"
        "from lingpai.settings import from_environment\n"
        "priming.load_modules(from_environment({}))\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert wanted - set(json.loads(ended.stdout)) == set()
    assert {"argon2", "botocore.session", "jwt"} <= wanted
