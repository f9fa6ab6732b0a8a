"""`lingpai compliance`: laws and standards, compared with the deployment, with the evidence of each line."""

from collections import Counter
from typing import Annotated, Any

from rich.table import Table
from typer import Option

from local import compliance
from local.compliance import Finding
from local.operator.command_context import CommandContext
from local.operator.console import Failed, table

_NAMES = tuple(each.id for each in compliance.standards())


def report(
    context: CommandContext,
    *,
    standard: Annotated[str | None, Option(metavar="ID", help=f"One of {', '.join(_NAMES)} alone.")] = None,
    chinese: Annotated[bool, Option("--chinese", help="The requirements in Chinese.")] = False,
    open_only: Annotated[bool, Option("--open", help="Only what is not met, or is your own duty.")] = False,
) -> None:
    """Compare a deployment with NIST SP 800-63B-4, ASVS 5.0 level 2, MLPS level 3 and the PIPL.

    Each line has its evidence: settings, tests of the repository, queries of the audit trail. It is no certificate.
    """
    if standard is not None and standard not in _NAMES:
        raise Failed(f"--standard: is none of {', '.join(_NAMES)}")
    with context.services() as services:
        found = compliance.find(services.settings)
    shown = [
        each
        for each in found
        if standard in (None, each.requirement.standard) and not (open_only and each.status == "met")
    ]
    counted = Counter(each.status for each in shown)
    document = {
        "deployment": context.target.name,
        "met": counted["met"],
        "not_met": counted["not met"],
        "operator": counted["operator"],
        "requirements": [_document(each) for each in shown],
    }
    context.show(document, _table(shown, chinese=chinese))


def _document(finding: Finding) -> dict[str, Any]:
    requirement = finding.requirement
    duty = requirement.duty
    return {
        "standard": requirement.standard,
        "id": requirement.id,
        "requirement": {"en": requirement.text.en, "zh": requirement.text.zh},
        "status": finding.status,
        "change": list(finding.change),
        "duty": {"en": duty.en, "zh": duty.zh} if duty else None,
        "evidence": {
            "settings": [{"wanted": each.wanted, "value": each.value, "met": each.met} for each in finding.compared],
            "tests": list(requirement.tests),
            "audit": [f"lingpai audit {query}" for query in requirement.audit],
            "documents": list(requirement.documents),
        },
    }


def _table(found: list[Finding], *, chinese: bool) -> Table:
    rows = []
    for each in found:
        text, duty = each.requirement.text, each.requirement.duty
        to_do = [*each.change, *([duty.zh if chinese else duty.en] if duty else [])]
        name = f"{each.requirement.standard} {each.requirement.id}"
        rows.append((name, each.status, text.zh if chinese else text.en, "; ".join(to_do)))
    return table(("requirement", "status", "what", "change, or do"), rows)
