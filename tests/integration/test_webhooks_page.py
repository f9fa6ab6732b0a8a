"""docs/webhooks.md: its programs verify what is delivered and refuse what was changed; its numbers are the code's."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lingpai.events.model import document, parse
from lingpai.settings import Settings
from lingpai.webhooks import service as webhooks
from lingpai.webhooks.model import OVERLAP
from lingpai.webhooks.worker import PAUSES, TRIES
from tests.architecture.test_template import RESOURCES
from tests.support.fake_web import Call, Certificate
from tests.support.stores import ROOT
from tests.support.webhooks import an_event, hush, office, receiver

PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
# What calls the program of the page by a file of JSON, and prints `yes` or `no`.
PYTHON = """
import json, sys
given = json.load(open(sys.argv[1]))
try:
    event = verify(given["secret"], given["headers"], given["body"].encode())
except ValueError:
    print("no")
else:
    print("yes", event["id"])
"""
NODE = """
const given = JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"));
try {
  console.log("yes", verify(given.secret, given.headers, Buffer.from(given.body)).id);
} catch (error) {
  console.log("no");
}
"""
JAVA = """
final class Main {
    public static void main(String[] given) throws Exception {
        byte[] body = given[4].getBytes(StandardCharsets.UTF_8);
        System.out.println(Webhooks.verify(given[0], given[1], given[2], given[3], body) ? "yes " + given[1] : "no");
    }
}
"""


def program(language: str) -> str:
    """The page's program in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@dataclass(frozen=True)
class Delivery:
    """A call as it came, and the secrets that sign it."""

    call: Call
    secrets: tuple[str, str]


@pytest.fixture
def delivery(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """A call of a webhook whose secret was replaced."""
    with receiver(certificate, monkeypatch) as web:
        here = office()
        webhook, old = here.add(f"https://{web.host}/")
        after, new = webhooks.rotated(here.services.secrets, here.services.services.clock, webhook)
        hush(new)
        here.put(after)
        here.enqueue(an_event())
        assert here.deliver() == 0
        return Delivery(web.calls[0], (old, new))


def _cases(delivery: Delivery) -> list[tuple[dict[str, Any], str]]:
    """Calls, and what the program says of each."""
    headers = {name: value for name, value in delivery.call.headers.items() if name.startswith("webhook-")}
    body, (old, new) = delivery.call.body.decode(), delivery.secrets
    good = {"secret": new, "headers": headers, "body": body}
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    return [
        (good, "yes users-100-0"),
        ({**good, "secret": old}, "yes users-100-0"),
        ({**good, "body": body.replace("web-client", "bad-client")}, "no"),
        ({**good, "headers": {**headers, "webhook-id": "users-100-1"}}, "no"),
        ({**good, "headers": late}, "no"),
        ({**good, "headers": {**headers, "webhook-signature": "v1,"}}, "no"),
        ({**good, "secret": "whsec_" + "A" * 43 + "="}, "no"),
    ]


def _run(command: Sequence[str | Path]) -> str:
    ended = subprocess.run(  # noqa: S603 (the programs of the page)
        [str(word) for word in command], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize("language", ["python", "js"])
def test_its_programs_verify(language: str, delivery: Delivery, tmp_path: Path) -> None:
    interpreter = {"python": sys.executable, "js": shutil.which("node")}[language]
    if interpreter is None:
        pytest.skip("no node on the PATH")
    calling = {"python": PYTHON, "js": NODE}[language]
    path = tmp_path / f"verify.{ {'python': 'py', 'js': 'cjs'}[language] }"
    path.write_text(program(language) + calling, "utf-8")
    given = tmp_path / "given.json"
    for case, said in _cases(delivery):
        given.write_text(json.dumps(case), "utf-8")
        assert _run([interpreter, path, given]) == said, case


def test_its_program_in_java_verifies(delivery: Delivery, tmp_path: Path) -> None:
    java, javac = shutil.which("java"), shutil.which("javac")
    if java is None or javac is None:
        pytest.skip("no javac on the PATH")
    source = tmp_path / "Webhooks.java"
    source.write_text(program("java") + JAVA, "utf-8")
    _run([javac, "-d", tmp_path, source])
    for case, said in _cases(delivery):
        headers = case["headers"]
        words = [headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"], case["body"]]
        assert _run([java, "-cp", tmp_path, "Main", case["secret"], *words]) == said, case


def test_its_example_is_an_event() -> None:
    (shown,) = re.findall(r'^(\{"version".*)$', PAGE, re.MULTILINE)
    given = json.loads(shown)
    assert document(parse(given)) == given
    fields = re.findall(r"^\| `(\w+)` \|", PAGE.partition("\n| Field |")[2].partition("\n\n")[0], re.MULTILINE)
    assert fields == list(given)
    assert f"webhook-id: {given['id']}\n" in PAGE


def test_its_numbers() -> None:
    assert (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, *[10 * 3600] * 4) == PAUSES
    assert f"{TRIES} tries in two days" in PAGE
    assert OVERLAP == 24 * 3600
    assert f"within {Settings().webhook_read_timeout:.0f} seconds" in PAGE
    assert Settings().webhook_ports == (443,)
    queue, failed = RESOURCES["WebhooksQueue"]["Properties"], RESOURCES["WebhooksFailedQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == TRIES
    assert failed["MessageRetentionPeriod"] == 14 * 86400
    # A message lives until its last try, with all that comes late by chance.
    assert queue["MessageRetentionPeriod"] > sum(PAUSES) * 1.1
    function = RESOURCES["WebhooksFunction"]["Properties"]
    # AWS asks for six times the time-out of the function.
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    assert function["Timeout"] > Settings().webhook_connect_timeout + Settings().webhook_read_timeout
