"""`lingpai` as an operator runs it: a process of its own, on the tables of one store."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer.testing
from typer.testing import CliRunner

from lingpai.store import DynamoStore
from local.operator.app import app
from tests.support import stores
from tests.support.logs import LOGS
from tests.support.stores import ROOT, TABLE_FIELDS, TEMPLATE

# The same for each call, and longer in the making than most of them take to run.
typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document that it printed."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `lingpai` on the tables of one store. `settings` are further variables of its environment."""

    store: DynamoStore
    endpoint: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    ttl: bool = False

    EXPIRING = tuple(table.name.removesuffix("Table").lower() for table in TEMPLATE.tables if table.ttl)

    def turn_on_ttl(self, *, on: bool = True) -> None:
        """Turn time to live of the tables on, as in a deployment, or off."""
        self.ttl = on
        for name in self.EXPIRING:
            table = getattr(self.store.settings, f"{name}_table")
            given = {"Enabled": on, "AttributeName": "ttl"}
            self.store.call("UpdateTimeToLive", TableName=table, TimeToLiveSpecification=given)

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """It runs; `options` go to Popen."""
        return subprocess.Popen(  # noqa: S603 (our own code)
            [sys.executable, "-m", "local.cli", *arguments],
            **{
                "cwd": self.folder,
                "env": self.environment(),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "start_new_session": True,
                **options,
            },
        )

    def run(self, *arguments: str, given: str | None = None) -> Ended:
        """To its end, with `given` as standard input. What it says on standard error shows no fault."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE)
        try:
            out, err = process.communicate(given, timeout=120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert "Traceback" not in err, err
        LOGS.add(err)
        return Ended(process.returncode, out, err)

    def call(self, *arguments: str, given: str | None = None) -> Ended:
        """The same within this process, which is faster; without a terminal, too."""
        result = CliRunner().invoke(app, arguments, input=given, env=dict(self.environment()), prog_name="lingpai")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        LOGS.add(result.stderr)
        return Ended(result.exit_code, result.stdout, result.stderr)

    def environment(self) -> dict[str, str]:
        """As an operator sets it: where the store is, and what its tables are called."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DYNAMODB_"))}
        tables = {name.upper(): str(getattr(self.store.settings, name)) for name in TABLE_FIELDS}
        return {
            **kept,
            **tables,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "layers" / "common"), str(ROOT))),
            "DYNAMODB_ENDPOINT": self.endpoint,
            "ARGON2_MEMORY_KIB": "8",
            "ARGON2_TIME": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.settings,
        }

    def file(self, name: str, text: str) -> Path:
        """A file in the folder that it runs in."""
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path


@contextmanager
def a_shell(endpoint: str, folder: Path, **settings: str) -> Iterator[Shell]:
    """On tables of its own."""
    with stores.on_dynamodb_local(endpoint) as store:
        shell = Shell(store, endpoint, folder, settings)
        try:
            yield shell
        finally:
            if shell.ttl:  # the tables are used again
                shell.turn_on_ttl(on=False)
