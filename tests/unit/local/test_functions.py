"""Functions, loaded from their folders."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.functions import LoadError, load, make_context, set_environment
from local.template import CorsRules, Function, Template


def function(name: str, folder: str, handler: str = "app.handler", **environment: str) -> Function:
    """A function as a template has it."""
    return Function(name, folder, handler, environment, memory=512, timeout=10)


def template(*functions: Function) -> Template:
    """A template of these functions."""
    return Template((), functions, (), CorsRules())


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Take the loaded modules out again."""
    yield
    for name in [name for name in sys.modules if name.startswith("_lingpai_function_")]:
        del sys.modules[name]


def test_two_apps(tmp_path: Path) -> None:
    """Both modules are called app, one folder is called token: neither gets in another's way."""
    before = list(sys.path)
    for name in ("token", "users"):
        (tmp_path / "functions" / name).mkdir(parents=True)
        (tmp_path / "functions" / name / "app.py").write_text(
            f"from token import tok_name\nassert tok_name\n"
            f"def handler(event, context):\n    return [{name!r}, event['x'], context.function_name]\n"
        )
    invoke = load(template(function("One", "functions/token/"), function("Two", "functions/users")), tmp_path)
    assert invoke("One", {"x": 1}) == ["token", 1, "One"]
    assert invoke("Two", {"x": 2}) == ["users", 2, "Two"]
    assert sys.path == before
    assert "app" not in sys.modules


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(LoadError, match=r"One: .*functions/one/app\.py is not there"):
        load(template(function("One", "functions/one/")), tmp_path)


def test_missing_handler(tmp_path: Path) -> None:
    """So is a handler."""
    (tmp_path / "app.py").write_text("handle = 1\n")
    with pytest.raises(LoadError, match=r"One: .*app\.py has no function 'handle'"):
        load(template(function("One", ".", "app.handle")), tmp_path)


def test_environment() -> None:
    """One environment for all; what the caller has set wins, unless it is empty."""
    environ = {"B": "mine", "C": ""}
    set_environment(template(function("One", ".", A="1", B="2"), function("Two", ".", C="3")), environ)
    assert environ == {"A": "1", "B": "mine", "C": "3"}


def test_context() -> None:
    """The context tells what Lambda's does."""
    context = make_context(function("One", "."))
    assert context.function_name == "One"
    assert context.memory_limit_in_mb == 512
    assert context.invoked_function_arn == "arn:aws:lambda:us-east-1:123456789012:function:One"
    assert 9000 < context.get_remaining_time_in_millis() <= 10000
    assert len(context.aws_request_id) == 36
    assert context.aws_request_id != make_context(function("One", ".")).aws_request_id
