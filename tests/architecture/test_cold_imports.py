"""What a function may import before its first answer: a list, so that nothing creeps in unseen."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stores import ROOT

LAYER = ROOT / "layers" / "common"
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
# Packages of others that every function has from its start. `cryptography` and the like come when a request needs them.
COLD = {
    "aws_lambda_powertools",
    "botocore",
    "jmespath",
    "orjson",
    "pynamodb",
    # the settings' model, and what it needs
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
}
# Modules of the standard library that come with a start, most of them because a package above needs them (decision 27).
STANDARD = set(
    """
    abc array ast atexit base64 binascii bisect builtins bz2 calendar codecs collections contextlib contextvars copy
    copyreg dataclasses datetime decimal dis email encodings enum errno fcntl fnmatch fractions functools gc
    genericpath glob grp gzip hashlib hmac http importlib inspect io ipaddress itertools json keyword linecache
    locale logging lzma marshal math ntpath numbers opcode operator os pathlib pkgutil posix posixpath pwd quopri
    random re reprlib runpy select selectors shutil site socket ssl stat string struct sys sysconfig tempfile
    textwrap threading time token tokenize traceback types typing unicodedata urllib uuid warnings weakref zipfile
    zipimport zlib zoneinfo
    """.split()  # noqa: SIM905  words are read more easily
)
# botocore's names of errors and its quota of retries, and nothing that it calls AWS with.
BOTOCORE = {"botocore", "botocore.exceptions", "botocore.retries", "botocore.retries.quota"}
# Of lingpai: what only some requests or settings need.
LATER = {
    "lingpai.outbound.https",
    "tests.support.memory_store",
    "lingpai.identity_providers.oidc",
    "lingpai.identity_providers.wechat",
    "lingpai.sms.senders.chain",
    "lingpai.passwords.legacy_hashes",
}
# As the template sets them where no sender and no provider is chosen.
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "CODE_PEPPER_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
    "DIGEST_LOGIN": "false",
    "METRICS_NAMESPACE": "Lingpai",
    "SMS_PROVIDER": "console",
}
# And with Jinja2, and with what makes the codes and QR codes of authenticator apps.
OF_TEMPLATES = {"html", "pickle"}
# With threads, and with what calls receivers.
OF_DELIVERIES = {"concurrent", "heapq", "queue"}
CALLING = {"lingpai.outbound.https"}
OF_APPS = {"secrets", "xml"}

PROGRAM = """
import contextlib, gc, json, runpy, sys
handler = runpy.run_path(sys.argv[1], run_name="app")["handler"]
waits = not gc.isenabled()
from lingpai import bootstrap
bootstrap.services()
before = sorted(sys.modules)
# Nothing that the store would be asked for, where it can be helped: no route's path, and no algorithm's name.
with contextlib.suppress(Exception):
    handler({**json.load(open(sys.argv[2])), "rawPath": "/nowhere", "rotate": ["none"], "Records": []}, None)
frozen = gc.isenabled() and gc.get_freeze_count() > 0
print(json.dumps({"modules": before, "waits": waits, "frozen": frozen}))
"""


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_what_is_imported_cold(path: Path) -> None:
    """With its services built and the first answer given, which starts the collector."""
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", PROGRAM, str(path), str(ROOT / "events" / "not-found.json")],
        env={"PATH": "", "PYTHONPATH": str(LAYER), **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout.splitlines()[-1])
    modules = set(answer["modules"])
    packages = {name.partition(".")[0] for name in modules if not name.startswith(("_", "sitecustomize"))}
    others = packages - sys.stdlib_module_names - {"lingpai", "__main__"}
    primed = set() if path.parent.name in ("keys", "deletions", "webhooks", "events") else {"snapshot_restore_py"}
    of_pages = {"pages": {"jinja2", "markupsafe", "pyotp", "segno"}, "console": {"jinja2", "markupsafe", "pyotp"}}
    assert others == COLD | primed | of_pages.get(path.parent.name, set())
    added = {
        "pages": OF_TEMPLATES | OF_APPS,
        "console": OF_TEMPLATES | OF_APPS | {"csv", "shlex"},
        "webhooks": OF_DELIVERIES,
        "events": {"heapq"},
    }
    standard = STANDARD | added.get(path.parent.name, set())
    assert packages & sys.stdlib_module_names - standard == set()
    assert modules & LATER == (CALLING if path.parent.name == "webhooks" else set())
    # What the routes say of themselves is for docs/openapi.yaml alone.
    assert [name for name in modules if name.startswith("lingpai.") and name.endswith(".api")] == []
    assert {name for name in modules if name.startswith("botocore.") and ".vendored" not in name} <= BOTOCORE
    assert (answer["waits"], answer["frozen"]) == (True, True)


def test_the_layer_has_every_operation_that_is_called() -> None:
    """layers/common/build/lean.py cuts botocore's model of DynamoDB to its list."""
    files = [*(LAYER / "lingpai" / "aws" / "dynamodb").glob("*.py"), *(LAYER / "lingpai").glob("*/dynamodb.py")]
    source = "".join(path.read_text("utf-8") for path in files)
    called = set(re.findall(r'\b(?:call|read_all)\(\s*"(\w+)"', source)) | {"PutItem", "DeleteItem", "UpdateItem"}
    lean = (LAYER / "build" / "lean.py").read_text("utf-8")
    listed = set(re.findall(r'^    "(\w+)",$', lean.partition("OPERATIONS = (")[2].partition(")")[0], re.MULTILINE))
    assert called - listed == set()
    assert len(called) >= 8
