"""docs/compliance.md and local/requirements.toml: each line has evidence that there is."""

import re
import tomllib

import pytest

from lingpai.settings import Settings
from local import compliance
from local.compliance import Condition, Requirement
from tests.support.stores import ROOT
from tools import compliance_page

REQUIREMENTS = [each for standard in compliance.standards() for each in standard.requirements]


def name_of(requirement: Requirement) -> str:
    return f"{requirement.standard} {requirement.id}"


def test_the_page_is_written() -> None:
    assert compliance_page.page() == compliance_page.PAGE.read_text("utf-8"), "make compliance"


def test_each_is_there_once() -> None:
    names = [name_of(each) for each in REQUIREMENTS]
    assert len(names) == len(set(names)) > 100
    assert {each.standard for each in REQUIREMENTS} == {"NIST", "ASVS", "MLPS", "PIPL"}


def test_no_field_is_misspelled() -> None:
    """A key that nobody reads would be evidence that nobody looks at."""
    known = {"id", "en", "zh", "settings", "tests", "audit", "documents", "duty"}
    document = tomllib.loads(compliance.SOURCE.read_text("utf-8"))
    assert [each for standard in document["standard"] for each in standard["requirement"] if set(each) - known] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=name_of)
def test_it_has_evidence(requirement: Requirement) -> None:
    """Its tests, pages and settings are there; without any, it is the operator's duty."""
    for test in requirement.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).is_file(), f"{path} is gone"
        assert not name or name in compliance_page.tests_in(ROOT / path), f"{test} is gone"
    for document in requirement.documents:
        assert (ROOT / document.partition("#")[0]).is_file()
    for query in requirement.audit:
        assert re.fullmatch(r"--(?:type [a-z]+\.[a-z_]+|user ID|actor user:ID|actor|since)", query), query
    assert requirement.tests or requirement.documents or requirement.settings or requirement.duty
    assert re.search("[\u4e00-\u9fff]", requirement.text.zh)


def test_no_secret_is_compared() -> None:
    for requirement in REQUIREMENTS:
        for condition in (each for group in requirement.settings for each in group):
            assert "SecretStr" not in str(Settings.model_fields[condition.setting.lower()].annotation)


def status(requirement_id: str, **settings: object) -> tuple[str, tuple[str, ...]]:
    found = {name_of(each.requirement): each for each in compliance.find(Settings.model_validate(settings))}
    finding = found[requirement_id]
    return finding.status, finding.change


def test_a_requirement_that_is_met_and_one_that_is_not() -> None:
    """By each kind of condition."""
    change = ("PASSWORD_MIN_LENGTH >= 15 or MFA == required (is 8, optional)",)
    assert status("NIST 3.1.1.2-a") == ("not met", change)
    assert status("NIST 3.1.1.2-a", password_min_length=15) == ("met", ())
    assert status("ASVS V6.3.3") == ("not met", ("MFA == required (is optional)",))
    assert status("ASVS V6.3.3", mfa="required") == ("met", ())
    assert status("MLPS 8.1.4.1-d") == (
        "not met",
        ("MFA == required or MFA_ROLES has ADMIN_ROLE (is optional, empty)",),
    )
    assert status("MLPS 8.1.4.1-d", mfa_roles="editor,admin") == ("met", ())
    assert status("MLPS 8.1.4.1-d", mfa_roles="admin", admin_role="boss")[0] == "not met"
    assert status("MLPS 8.1.4.1-d", mfa="required") == ("met", ())
    assert status("MLPS 8.1.4.1-a2") == ("not met", ("PASSWORD_MAX_AGE_DAYS >= 1 (is 0)",))
    assert status("MLPS 8.1.4.1-a2", password_max_age_days=90) == ("met", ())
    assert status("MLPS 8.1.4.1-a2", password_max_age_days=91) == ("not met", ("PASSWORD_MAX_AGE_DAYS <= 90 (is 91)",))
    assert status("NIST 3.1.1.2-d", password_max_age_days=90)[0] == "not met"
    assert status("ASVS V6.2.10", password_max_age_days=90)[0] == "not met"
    assert status("PIPL 13-14") == ("not met", ("TERMS_VERSION set (is empty)", "POLICY_VERSION set (is empty)"))
    assert status("PIPL 13-14", terms_version="1", policy_version="1") == ("met", ())
    assert status("PIPL 47", deletion_days=30) == ("not met", ("DELETION_DAYS <= 15 (is 30)",))
    assert status("PIPL 55-56") == ("operator", ())


@pytest.mark.parametrize("text", ["NO_SUCH_SETTING set", "MFA", "MFA == ", "mfa == required", "MFA > 1"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="no condition"):
        compliance.condition(text)


def test_a_condition() -> None:
    assert compliance.condition("MFA_ROLES has admin") == Condition("MFA_ROLES", "has", "admin")
