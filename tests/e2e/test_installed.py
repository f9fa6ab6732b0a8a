"""The operator's command installed from a wheel, in an environment of its own, far from the repository."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lingpai.accounts import roles
from local.template import load
from tests.support.logs import LOGS
from tests.support.shell import Ended, Shell, a_shell
from tests.support.stores import ROOT
from tests.support.transfer import services_on

pytestmark = pytest.mark.security("F4")


@pytest.fixture(scope="module")
def lingpai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command; its wheel is built, and installed with the extra that the operator needs."""
    (uv,) = ROOT.glob(".cache/uv-*/bin/uv")
    environment = tmp_path_factory.mktemp("installed") / "venv"
    # uv keeps wheels of this folder, and takes them for new as long as pyproject.toml does not change.
    new = ("--refresh-package", "lingpai", "--reinstall-package", "lingpai")
    wanted = ("sync", "--quiet", "--frozen", "--no-editable", "--no-dev", "--extra", "operator", *new)
    subprocess.run(  # noqa: S603  our own uv
        [uv, *wanted, "--python", sys.executable],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)},
        check=True,
        timeout=300,
    )
    return environment / "bin" / "lingpai"


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield shell


def run(lingpai: Path, shell: Shell, *arguments: str, given: str = "") -> Ended:
    environment = {name: value for name, value in shell.environment().items() if not name.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603  our own command
        [lingpai, *arguments],
        cwd=shell.folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    LOGS.add(done.stderr)
    return Ended(done.returncode, done.stdout, done.stderr)


def test_doctor_knows_what_the_tables_are_to_be_like(lingpai: Path, shell: Shell) -> None:
    roles.save(services_on(shell.store), "admin")
    ended = run(lingpai, shell, "doctor", "--json")
    found: dict[str, Any] = {each["check"]: each["state"] for each in ended.json["checks"]}
    tables = [table.name.removesuffix("Table").lower() for table in load(ROOT / "template.yaml").tables]
    assert len(tables) == 11
    assert {found[f"table {name}"] for name in tables} == {found[f"access {name}"] for name in tables} == {"ok"}
    assert {name for name, state in found.items() if state == "fail"} == set()
    assert (ended.code, ended.err) == (0, "")


def test_what_else_it_has_from_the_repository(lingpai: Path, shell: Shell) -> None:
    """Its version, and the filter of common passwords."""
    assert run(lingpai, shell, "--version").out == f"lingpai {importlib.metadata.version('lingpai')}\n"
    refused = run(lingpai, shell, "user", "create", "mei", "--password-stdin", given="password\n")
    assert (refused.code, refused.out) == (1, "")
    assert "common" in refused.err
    assert run(lingpai, shell, "user", "create", "mei", "--password-stdin", given="correct horse battery\n").code == 0


def test_the_requirements_are_in_the_wheel(lingpai: Path, shell: Shell) -> None:
    report = run(lingpai, shell, "compliance", "--json")
    assert (report.code, report.err) == (0, "")
    assert (
        len(report.json["requirements"]) == report.json["met"] + report.json["not_met"] + report.json["operator"] > 100
    )


def test_without_a_local_server_it_says_how_to_start_one(lingpai: Path, shell: Shell) -> None:
    alone = Shell(shell.store, "", shell.folder, {"PORT": "1"})
    ended = run(lingpai, alone, "doctor", "--local")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("no local server answers at http://127.0.0.1:1: start it by `make run`")
