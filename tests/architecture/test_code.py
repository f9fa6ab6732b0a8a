"""Rules of the code that no linter holds."""

import ast
import json
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lingpai.kernel import errors
from lingpai.kernel.messages import TEXTS
from tests.support.fake_sms import AWS, TENCENT, TWILIO, Vendor
from tests.support.stores import ROOT

CORE = ROOT / "layers" / "common" / "lingpai"
SOURCES = sorted(CORE.rglob("*.py"))
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))

# The files that features have under the same name: see CONTRIBUTING.md.
SHARED_FILE_NAMES = {"dynamodb", "model", "routes", "service", "settings", "storage"}

# What makes a refusal, by name, and which of its arguments is the reason.
_REASON_AT = {
    "LingpaiError": 2,
    "invalid_request": 0,
    "invalid_client": 0,
    "invalid_grant": 0,
    "forbidden": 0,
    "not_found": 0,
    "conflict": 0,
    "too_many_requests": 0,
    "unavailable": 0,
}


def test_imports_keep_their_direction() -> None:
    """import-linter's contracts hold."""
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program is not None
    ended = subprocess.run(  # noqa: S603 (a tool of this project)
        [program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_functions_import_little(path: Path) -> None:
    """A function starts without what no request, or not its first, needs; nor does it import a test library."""
    unwanted = [
        "argon2",
        "aws_xray_sdk",
        "boto3",
        "cryptography",
        "hypothesis",
        "jwt",
        "lingpai.outbound.https",
        "lingpai.sms.senders.chain",
        "local",
        "moto",
        "phonenumbers",
        "pytest",
        "tests",
        "werkzeug",
        "yaml",
    ]
    program = (
        "import json, runpy, sys\n"
        f"runpy.run_path({str(path)!r}, run_name='app')\n"
        f"print(json.dumps([name for name in {unwanted!r} if name in sys.modules]))"
    )
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", program],
        cwd=path.parent,
        env={
            "PATH": "",
            "PYTHONPATH": str(CORE.parent),
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_SERVICE_NAME": "lingpai",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # To call others is all that the function of deliveries does.
    called = ["lingpai.outbound.https"] if path.parent.name == "webhooks" else []
    assert json.loads(ended.stdout) == called


@pytest.mark.parametrize(
    ("vendors", "modules"),
    [
        ((), {"console"}),
        ((TWILIO,), {"console", "chain", "breaker", "send_errors", "templates", "twilio"}),
        ((AWS, TENCENT), {"console", "chain", "breaker", "send_errors", "templates", "amazon", "aws", "tencent"}),
    ],
    ids=["console", "twilio", "aws-tencent"],
)
def test_a_sender_is_imported_where_it_was_chosen(vendors: tuple[Vendor, ...], modules: set[str]) -> None:
    """And no client of AWS is made, nor its data read, before a message is sent."""
    program = (
        "import json, os, sys\n"
        "from botocore.loaders import Loader\n"
        "Loader.load_service_model = None\n"
        "from lingpai import bootstrap\n"
        "bootstrap.services().sms\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('lingpai.sms.senders.')]))"
    )
    names = {name: value for vendor in vendors for name, value in vendor.environment("sms.example.com").items()}
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", program],
        env={
            "PATH": "",
            "PYTHONPATH": str(CORE.parent),
            "AWS_DEFAULT_REGION": "us-east-1",
            "SMS_PROVIDER": ",".join(vendor.name for vendor in vendors),
            **names,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert set(json.loads(ended.stdout)) == {f"lingpai.sms.senders.{name}" for name in modules}


def test_every_reason_has_a_text_and_every_text_a_reason() -> None:
    """What the code raises is what `messages.TEXTS` holds."""
    raised = set(_reasons())
    assert raised - set(TEXTS) == set()
    # A reason may also travel as an argument, or be picked from a table: then it stands in the code as text.
    said = {node.value for path in SOURCES for node in _texts(path) if path.name not in ("messages.py", "reasons.py")}
    assert set(TEXTS) - said == set()


def test_texts_name_the_same_values() -> None:
    """The Chinese and the English text of a reason say the same things; the English one is plain ASCII."""
    for reason, (chinese, english) in TEXTS.items():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (chinese, english)]
        # `zh` and `en` stand for one value in two languages.
        assert names[0] - {"zh"} == names[1] - {"en"}, reason
        assert english.isascii(), reason
        assert not chinese.isascii(), reason


def test_modules_are_imported_under_one_name() -> None:
    """`service` and its like under their package's name, everything else under its own (CONTRIBUTING.md, Rules)."""
    wrong = []
    for path in (*SOURCES, *FUNCTIONS, *sorted((ROOT / "local").rglob("*.py"))):
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("lingpai."):
                continue
            package = str(node.module).rpartition(".")[-1]
            for alias in node.names:
                shared = alias.name in SHARED_FILE_NAMES
                # The package itself may call them by their own names, too.
                own = not shared or path.parent.name == package
                if not (shared and alias.asname == package) and not (own and alias.asname is None):
                    wrong.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert wrong == []


def test_one_public_name_for_each_error() -> None:
    """Every function of `errors` that makes a refusal is used: there is no error that nobody meets."""
    makers = {name for name, thing in vars(errors).items() if callable(thing) and name.islower()}
    called = {
        name
        for path in SOURCES
        if path.name != "errors.py"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and (name := _called(node))
    }
    assert makers - called == set()


def _reasons() -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.Call) or (position := _REASON_AT.get(_called(node) or "")) is None:
                continue
            given = node.args[position] if len(node.args) > position else None
            for keyword in node.keywords:
                if keyword.arg == "reason":
                    given = keyword.value
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value


def _called(node: ast.Call) -> str | None:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def _texts(path: Path) -> Iterator[ast.Constant]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
