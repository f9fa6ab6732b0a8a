"""`lingpai compliance` on a deployment with the demo's data."""

from collections.abc import Iterator

import pytest

from local import compliance
from tests.support.shell import Shell, a_shell
from tests.support.stores import ROOT


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path_factory.mktemp("compliance"), MFA="required") as shell:
        seeded = shell.call("seed", str(ROOT / "local" / "demo-seed.json"), "--allow-short-secrets")
        assert seeded.code == 0, seeded
        yield shell


def test_every_requirement_with_its_evidence(shell: Shell) -> None:
    report = shell.call("compliance", "--json").json
    all_of_them = [(each.standard, each.id) for standard in compliance.standards() for each in standard.requirements]
    assert [(each["standard"], each["id"]) for each in report["requirements"]] == all_of_them
    counted = [each["status"] for each in report["requirements"]]
    named = ("met", "not met", "operator")
    assert [report["met"], report["not_met"], report["operator"]] == [counted.count(name) for name in named]
    by_id = {f"{each['standard']} {each['id']}": each for each in report["requirements"]}
    two = by_id["ASVS V6.3.3"]
    assert (two["status"], two["change"], two["duty"]) == ("met", [], None)
    assert two["evidence"]["settings"] == [{"wanted": "MFA == required", "value": "required", "met": True}]
    assert by_id["PIPL 13-14"]["change"] == ["TERMS_VERSION set (is empty)", "POLICY_VERSION set (is empty)"]
    assert by_id["PIPL 13-14"]["evidence"]["audit"] == ["lingpai audit --type terms.accepted"]
    for each in report["requirements"]:
        assert each["duty"] or any(each["evidence"].values()), each


def test_one_standard(shell: Shell) -> None:
    told = shell.call("compliance", "--standard", "PIPL", "--open", "--json").json
    assert {each["standard"] for each in told["requirements"]} == {"PIPL"}
    assert {each["status"] for each in told["requirements"]} == {"not met", "operator"}
    refused = shell.call("compliance", "--standard", "ISO")
    assert (refused.code, refused.err) == (2, "--standard: is none of NIST, ASVS, MLPS, PIPL\n")
