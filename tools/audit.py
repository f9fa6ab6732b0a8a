"""Look up known vulnerabilities of what is locked, and tell apart "clean" and "not checked".

    .venv/bin/python -m tools.audit uv.txt tools/requirements/*.txt

In: files of pinned requirements. Out: a line for each, and an exit code: 0 clean, 1 vulnerable, 2 not checked.
pip-audit asks PyPI, and calls packages that PyPI tells nothing about free of vulnerabilities. Here they are unchecked.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = ROOT / ".cache" / "audit" / "bin" / "pip-audit"

CLEAN, VULNERABLE, NOT_CHECKED = range(3)
SAID = (
    "audit: clean",
    "audit: VULNERABLE, see above",
    "audit: NOT CHECKED: nothing is known of the packages above. This does not mean clean.",
)


@dataclass(frozen=True)
class Report:
    """What was found out about one file: `checked` packages, the vulnerable ones, and why others were not checked."""

    file: str
    checked: int = 0
    vulnerable: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """The exit code that stands for it."""
        return VULNERABLE if self.vulnerable else NOT_CHECKED if self.unchecked or not self.checked else CLEAN

    def lines(self) -> list[str]:
        """The report in words."""
        said = [f"{self.file}: VULNERABLE: {found}" for found in self.vulnerable]
        if self.unchecked:
            more = f" (and {len(self.unchecked) - 1} more)" if len(self.unchecked) > 1 else ""
            said.append(f"{self.file}: NOT CHECKED: {self.unchecked[0]}{more}")
        if not said:
            said.append(f"{self.file}: {self.checked} packages, none with a known vulnerability")
        return said


def audit(file: str, command: Sequence[str]) -> Report:
    """Ask about the packages in one file, by the command `pip-audit`."""
    options = ("--requirement", file, "--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off")
    try:
        ended = subprocess.run([*command, *options], capture_output=True, text=True, timeout=900, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return Report(file, unchecked=(f"pip-audit did not answer: {error}",))
    try:
        return _report(file, json.loads(ended.stdout))
    except (ValueError, LookupError, TypeError, AttributeError):
        words = ended.stderr.strip().splitlines() or [f"pip-audit ended with {ended.returncode} and no report"]
        return Report(file, unchecked=(words[-1],))


def _report(file: str, told: Any) -> Report:
    vulnerable, unchecked, checked = [], [], 0
    for package in told["dependencies"]:
        if "skip_reason" in package:
            unchecked.append(package["skip_reason"])
            continue
        checked += 1
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            vulnerable.append(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    if not checked and not unchecked:
        unchecked.append("pip-audit found no package in it")
    return Report(file, checked, tuple(vulnerable), tuple(unchecked))


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the files of the command line; the exit code is the worst of them, a vulnerability before all."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--pip-audit", default=str(PIP_AUDIT), metavar="PATH")
    given = parser.parse_args(arguments)
    reports = [audit(file, [given.pip_audit]) for file in given.files]
    for report in reports:
        print("\n".join(report.lines()))
    codes = {report.code for report in reports}
    worst = next((code for code in (VULNERABLE, NOT_CHECKED) if code in codes), CLEAN)
    print(SAID[worst], file=sys.stderr if worst else sys.stdout)
    return worst


if __name__ == "__main__":
    sys.exit(main())
