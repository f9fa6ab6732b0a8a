"""Write docs/compliance.md: what laws and standards ask for, with the evidence of each line.

    .venv/bin/python -m tools.compliance_page    # `make compliance`

What is listed stands in local/requirements.toml, which `lingpai compliance` compares with a deployment.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from lingpai.settings import Settings
from local import compliance
from local.compliance import Finding, Requirement

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "compliance.md"

HEAD = """# Laws and standards

What is asked of a service like this one, in our own words, with the evidence: the settings that decide, the tests
that show it in every run of CI (where one is deleted, CI fails), the queries of the audit trail, and pages. `lingpai
compliance` compares a deployment's settings with it and [prints the report](operator.md#lingpai-compliance), in
Chinese with `--chinese`; the third column says what the defaults give. `make compliance` writes this page from
`local/requirements.toml`.

It is no certificate: an assessor looks at your whole system, and at what you do. Of ASVS it has all requirements of
levels 1 and 2 in these chapters, compared with the original (tag v5.0.0). The numbers of NIST, MLPS and laws were
taken from copies and secondary sources: check them before you cite one. Where two contradict each other (NIST forbids
rules of composition and changes by the calendar, MLPS asks for them), the defaults follow NIST."""

_STATUS = {"met": "met", "not met": "**not met**", "operator": "yours"}


def page() -> str:
    """The whole page."""
    found = {(each.requirement.standard, each.requirement.id): each for each in compliance.find(Settings())}
    parts = [HEAD]
    for standard in compliance.standards():
        parts.append(f"## {standard.id}\n\n{standard.title.en}\n{standard.title.zh}\n<{standard.url}>")
        rows = [_row(found[standard.id, requirement.id]) for requirement in standard.requirements]
        parts.append("\n".join(["| | What | By default | Evidence |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _row(finding: Finding) -> str:
    requirement = finding.requirement
    text = f"{requirement.text.en}<br>{requirement.text.zh}"
    return f"| {requirement.id} | {text} | {_STATUS[finding.status]} | {'<br>'.join(_evidence(requirement))} |"


def _evidence(requirement: Requirement) -> Iterator[str]:
    yield from (f"`{compliance.wanted_text(each)}`" for each in requirement.settings)
    for test in requirement.tests:
        path, _, name = test.partition("::")
        yield f"[`{name or Path(path).name}`](../{path})"
    yield from (f"`lingpai audit {query}`" for query in requirement.audit)
    for document in requirement.documents:
        name = document.removeprefix("docs/")
        yield f"[{Path(name.partition('#')[0]).stem}]({name if name != document else f'../{document}'})"
    if requirement.duty is not None:
        yield f"{requirement.duty.en} {requirement.duty.zh}"


def tests_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file, those of classes as `Class::name`."""
    return frozenset(_tests(ast.parse(path.read_text("utf-8")).body))


def _tests(body: list[ast.stmt], within: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) if name.startswith("test"):
                yield within + name
            case ast.ClassDef(name=name, body=inner) if name.startswith("Test"):
                yield f"{within}{name}"
                yield from _tests(inner, f"{within}{name}::")
            case _:
                pass


def main() -> int:
    """Write it."""
    PAGE.write_text(page(), "utf-8")
    found = compliance.find(Settings())
    print(f"{len(found)} requirements in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
