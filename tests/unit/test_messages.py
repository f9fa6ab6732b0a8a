"""The texts that people read: there for every reason, in both languages, and shown as OAuth allows."""

import ast
import re
import string
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lingpai.kernel import errors, messages
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import TEXTS, preferred
from tests.support.stores import ROOT

SOURCES = sorted((ROOT / "layers/common/lingpai").rglob("*.py"))
MAKERS = {name for name, value in vars(errors).items() if callable(value) and name.islower()} | {"LingpaiError"}


# These list reasons and raise none.
NO_SOURCES = {"messages.py", "reasons.py"}
# What an error names besides its reason: a grant, and what a route needs.
NAMED = {"md5password", "sign", "admin", "authorization_code"}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def reasons(source: Path) -> set[str]:
    """The reasons that a module raises: the texts among the arguments of the makers of errors, and reason names."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in MAKERS:
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def test_every_reason_has_its_texts() -> None:
    codes = {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    codes |= {"invalid_scope", "unauthorized", "invalid_token", "access_denied", "not_found", "conflict"}
    codes |= {"too_many_requests", "temporarily_unavailable", "insufficient_scope", "unsupported_token_type"}
    codes |= {"unsupported_response_type", "invalid_target", "invalid_request_uri", "invalid_dpop_proof"}
    codes |= {"insufficient_authorization", "redirect_to_web"}
    raised = set().union(*(reasons(source) for source in SOURCES)) - codes
    assert len(raised) > 30
    assert {reason for reason in raised if reason not in TEXTS and reason not in NAMED} == set()


def test_every_text_is_used() -> None:
    everything = "".join(
        source.read_text("utf-8") for source in SOURCES if source.name not in ("messages.py", "reasons.py")
    )
    assert {reason for reason in TEXTS if f'"{reason}"' not in everything} == set()


@pytest.mark.parametrize("reason", TEXTS)
def test_both_languages_say_the_same_of_the_same(reason: str) -> None:
    chinese, english = TEXTS[reason]
    assert placeholders(chinese) - {"zh"} == placeholders(english) - {"en"}
    assert ("zh" in placeholders(chinese)) == ("en" in placeholders(english))
    values = dict.fromkeys(placeholders(chinese) | placeholders(english), "<it>")
    assert "<it>" in messages.text(reason, "en", values) or not values
    assert "<it>" in messages.text(reason, "zh", values) or not values
    assert re.search("[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize("reason", TEXTS)
def test_the_english_is_what_an_error_description_may_hold(reason: str) -> None:
    """RFC 6749 section 5.2: printable ASCII without quotation marks and backslashes."""
    assert re.fullmatch(r"[ !#-\[\]-~]+", TEXTS[reason][1])


def test_values_are_shown_and_not_read() -> None:
    values = {"role": "{limit} %s {0.__class__}"}
    assert messages.text("role_not_found", "en", values) == "There is no such role: {limit} %s {0.__class__}"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-Hans-CN", "zh"),
        ("en;q=0.3,zh;q=0.2", "en"),
        ("en;q=0.2,zh;q=0.3", "zh"),
        ("en-GB;q=0.1,en;q=0.5,zh;q=0.4", "en"),
        ("en;q=0.000", "zh"),
        ("en;level=1", "en"),
        ("de,fr;q=0.5", "zh"),
        ("e", "zh"),
        ("eng", "zh"),
        ("en;q=-1", "zh"),
        ("en;q=high", "zh"),
    ],
)
def test_the_language_that_is_preferred(header: str, language: str) -> None:
    assert preferred(header) == language


@given(st.text(alphabet="enzhEN-,;q=0.19 *", max_size=40) | st.text(max_size=40))
def test_no_header_is_a_fault(header: str) -> None:
    assert preferred(header) in ("zh", "en")


def test_an_error_shows_nothing_but_its_reason() -> None:
    """Its text may reach a log."""
    assert str(LingpaiError("code", 400, "reason", detail="d", name="value")) == "code: reason"
