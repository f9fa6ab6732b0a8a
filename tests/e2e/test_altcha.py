"""ALTCHA's own library (npm) agrees with our challenges and solutions."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from lingpai.captcha.altcha import Altcha
from lingpai.captcha.model import Subject
from lingpai.kernel.clock import Clock
from tests.support import npm
from tests.support.stores import settings

SCRIPT = Path(__file__).with_name("altcha.mjs")
SUBJECT = Subject("+8613312341234", "web-client")


@pytest.mark.usefixtures("npm_clients")
def test_its_library_solves_and_verifies() -> None:
    altcha = Altcha(settings(altcha_cost=1000, altcha_tries=50), lambda: b"a pepper", Clock())
    challenge = altcha.challenge(SUBJECT)["challenge"]
    asked = {"challenge": challenge, "secret": altcha.secret("challenge"), "keySecret": altcha.secret("key")}
    ended = subprocess.run(  # noqa: S603 (our own script)
        [npm.NODE, str(SCRIPT), str(npm.ALTCHA)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["result"]["verified"], told["guess"]["verified"]) == (True, False)
    solved = altcha.verify(told["payload"], SUBJECT, "192.0.2.1")
    assert solved.id == challenge["parameters"]["nonce"]
    assert solved.expires_at > time.time()
