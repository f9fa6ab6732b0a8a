"""`make schemathesis` with a program that notes how it was called in place of schemathesis, and a real server."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.stores import ROOT
from tools.fuzzing import run


@pytest.mark.parametrize("code", [0, 1])
def test_schemathesis_is_asked_about_a_server_of_its_own(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = yaml.load(run.DOCUMENT.read_text("utf-8"), yaml.CSafeLoader)
    program, note = tmp_path / "schemathesis", tmp_path / "note.json"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys, urllib.request\n"
        "url = os.environ['BASE_URL']\n"
        "health = urllib.request.urlopen(url + '/health').read().decode()\n"
        f"json.dump([sys.argv[1:], url, health, os.environ['SCHEMATHESIS_HOOKS']], open({str(note)!r}, 'w'))\n"
        "print('20 generated')\n"
        f"sys.exit({code})\n",
        "utf-8",
    )
    program.chmod(0o700)
    monkeypatch.setattr(run, "SCHEMATHESIS", program)
    assert run.main(20) == code
    arguments, url, health, hooks = json.loads(note.read_text("utf-8"))
    assert arguments == run.command(url, run.examples_each(document, 20))[1:]
    assert json.loads(health) == {"status": "ok"}
    assert hooks == str(ROOT / "tools" / "fuzzing" / "hooks.py")
