"""ministack, the stand-in for AWS, for as long as a context lasts: nothing of it is left behind.

It runs its functions with the Python it runs on. That one is bare, and ministack's own packages are put on the path by
hand, so that the functions find their code, their layer and the standard library, as they do in Lambda.
"""

import contextlib
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.config
import botocore.session

from tests.support.stores import ROOT

ENVIRONMENT = ROOT / ".cache" / "ministack"
BARE = ROOT / ".cache" / "bare-python"
REGION = "us-east-1"
ACCOUNT = "123456789012"
READY_WITHIN = 60.0

_SAM = ROOT / ".cache" / "sam" / "bin" / "sam"

# Signal 15 as soon as the process that started it is gone, however it went.
_MAIN = """
import ctypes, json, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)
sys.path.append(sys.argv.pop(1))
from ministack import app
from ministack.core import iam_actions
app._port_is_bindable = lambda *_: False  # with TLS it would take port 443 as well
of_tags = iam_actions.request_tag_context
def of_request(service, action, body, parameters):
    # What a condition can name, but for the encryption context of a call of KMS, which it leaves out.
    said = json.loads(body or b"{}").get("EncryptionContext") or {} if service == "kms" else {}
    named = {f"kms:EncryptionContext:{name}": value for name, value in said.items()}
    return {**of_tags(service, action, body, parameters), **named}
iam_actions.request_tag_context = of_request
in_target = iam_actions._action_from_target
def of_target(headers):
    # A batch has no action of its own: that of a single message allows it.
    action = in_target(headers)
    is_batch = headers.get("x-amz-target", "").startswith("AmazonSQS.") and action.endswith("MessageBatch")
    return action.removesuffix("Batch") if is_batch else action
iam_actions._action_from_target = of_target
app.main()
"""


@dataclass(frozen=True)
class Credentials:
    """An access key, of the root or of a user."""

    key_id: str
    secret: str = field(repr=False)

    def environment(self, url: str, certificate: Path) -> dict[str, str]:
        """What makes AWS's tools and clients use it at the stand-in, and nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": url,
            "AWS_CA_BUNDLE": str(certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass(frozen=True)
class StandIn:
    """A stand-in that runs: its address, its root's credentials, and a folder for whoever works with it."""

    url: str
    root: Credentials
    folder: Path
    pid: int

    @property
    def certificate(self) -> Path:
        """What its TLS is verified by. (SAM's bucket, as SAM makes it, takes nothing without TLS.)"""
        return self.folder / "ministack-tls" / "server.crt"

    @functools.cache  # noqa: B019  there is one stand-in, as long as the tests last
    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """A client of whoever has these credentials; without them, one that may do anything."""
        known = credentials or self.root
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            verify=str(self.certificate),
            aws_access_key_id=known.key_id,
            aws_secret_access_key=known.secret,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def user(self, name: str, policy: str) -> Credentials:
        """A new user who may do what the policy (JSON) says."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="all-it-may", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def sam(self, credentials: Credentials, *arguments: str) -> str:
        """Run SAM with these credentials; what it said, which must be a success."""
        ended = subprocess.run(  # noqa: S603 (SAM, as it is locked here)
            [str(_SAM), *arguments],
            cwd=self.folder,
            env=self.environment(credentials),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def environment(self, credentials: Credentials) -> dict[str, str]:
        """A process's environment with these credentials and without anybody's settings."""
        return {
            "PATH": f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LANG": "C.UTF-8",
            "SAM_CLI_TELEMETRY": "0",
            **credentials.environment(self.url, self.certificate),
        }


def missing() -> str | None:
    """Why there is no stand-in to start, or None where there is."""
    return None if (ENVIRONMENT / ".synced").is_file() else "it is not installed: `make e2e-deploy` does that"


@contextmanager
def running() -> Iterator[StandIn]:
    """A stand-in on a free port, with IAM enforced, in a temporary folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lingpai-stand-in-"))
    root = Credentials("AKIA" + secrets.token_hex(8).upper(), secrets.token_hex(20))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    environment = {
        # Nothing of the caller's: functions are given this environment, too.
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "USE_SSL": "1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "AWS_ACCESS_KEY_ID": root.key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret,
        # Never the machine's Docker, should there be one.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }
    packages = next((ENVIRONMENT / "lib").glob("python3.*/site-packages"))
    command = [str(BARE / "bin" / "python"), "-I", "-c", _MAIN, str(packages)]
    log = folder / "stand-in.log"
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it in their own time
            )
        try:
            _wait(process, port, log)
            yield StandIn(url, root, folder, process.pid)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the stand-in did not start:\n{log.read_text('utf-8')[-3000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """At once, with the functions that run in it: asked kindly, it waits for its callers' connections."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
