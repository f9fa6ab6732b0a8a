"""`make audit`: what was not checked is never called clean."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import ROOT
from tools import audit

pytestmark = pytest.mark.security("F41")

GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": []}]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited: unknown (1.0)"}


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """`python -m tools.audit` on one file, with a pip-audit that prints this; the exit code and all that it says."""

    def run(printed: str, errors: str = "", code: int = 0) -> tuple[int, str]:
        (tmp_path / "answer").write_text(printed)
        (tmp_path / "errors").write_text(errors)
        command = tmp_path / "pip-audit"
        command.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\ncat {tmp_path}/errors >&2\nexit {code}\n")
        command.chmod(0o755)
        ended = audit.main(["--pip-audit", str(command), "locked.txt"])
        out, err = capfd.readouterr()
        return ended, out + err

    return run


def told(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_clean(run: Any) -> None:
    code, said = run(told(GOOD))
    assert code == 0
    assert said.splitlines() == ["locked.txt: 1 packages, none with a known vulnerability", "audit: clean"]


def test_vulnerable(run: Any) -> None:
    """pip-audit ends with 1; also beside packages that were not checked."""
    code, said = run(told(GOOD, BAD, UNKNOWN), code=1)
    assert code == 1
    assert "locked.txt: VULNERABLE: bad 1.0: PYSEC-1, mended in 1.1" in said
    assert "NOT CHECKED" in said


@pytest.mark.parametrize(
    ("printed", "errors", "code"),
    [
        # What pip-audit says of an index without a feed of vulnerabilities: a report, exit code 0, "none found".
        (told(UNKNOWN), "No known vulnerabilities found", 0),
        (told(GOOD, UNKNOWN), "", 0),
        ("", "requests.exceptions.ConnectionError: api.osv.dev cannot be resolved", 1),
        ("", "", 0),
        (told(), "", 0),
        ("{}", "", 0),
        ("[1]", "", 0),
        (told({"name": "half"}), "", 0),
    ],
)
def test_not_checked_is_not_clean(run: Any, printed: str, errors: str, code: int) -> None:
    ended, said = run(printed, errors, code)
    assert ended == 2
    assert "locked.txt: NOT CHECKED" in said
    assert "This does not mean clean" in said
    assert "audit: clean" not in said


def test_without_the_command() -> None:
    assert audit.main(["--pip-audit", "/nowhere/pip-audit", "locked.txt"]) == 2


def test_all_that_installs_is_pinned_by_hash() -> None:
    """uv, too, which installs the rest: pip takes the file that the hash names, or none."""
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "")
    installs = [line for line in makefile.splitlines() if "pip install" in line or "pip sync" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
    pinned = (ROOT / "tools" / "requirements" / "uv.txt").read_text("utf-8")
    assert "--hash=sha256:" in pinned
