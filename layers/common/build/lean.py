"""Make the layer lean: only what is used of botocore, and every module compiled (docs/performance.md).

    python3.13 lean.py LAYER/python

In: the packages as pip installed them. botocore keeps the models of the services that Lingpai calls, without their
documentation and as plain JSON, the endpoints of those, and of its roots a second list with Amazon's alone; what
writes docstrings is left out. Each module is compiled so that Python takes the compiled
file whatever the times say (`unchecked-hash`): a zip rewrites them, and Lambda cannot write new ones.
"""

import compileall
import gzip
import json
import re
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

# sts: where credentials come from a role other than the function's own.
SERVICES = ("dynamodb", "events", "kms", "pinpoint-sms-voice-v2", "secretsmanager", "sns", "sqs", "sts")
# What is asked of DynamoDB, whose client has a method for each operation of the model; DescribeEndpoints is botocore's.
OPERATIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "DescribeContinuousBackups",
    "DescribeEndpoints",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
)
# How endpoints.json calls them.
_ENDPOINTS = {*SERVICES, "sms-voice"}
_FILES = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
# https://www.amazontrust.com/repository/
ROOTS = (*(f"Amazon Root CA {number}" for number in range(1, 5)), "Starfield Services Root Certificate Authority - G2")
# What botocore takes from its module of docstrings.
DOCSTRINGS = ("ClientMethodDocstring", "PaginatorDocstring", "WaiterDocstring")
# Programs for a shell, which no function runs.
_UNUSED = ("bin",)


def main(layer: Path) -> int:
    """Do it to the layer's folder; give the exit code."""
    if sys.version_info[:2] != (3, 13):
        sys.exit(f"the layer is for Python 3.13, and this is {sys.version.split()[0]}")
    # Compiled elsewhere, by other rules.
    for unused in [layer / name for name in _UNUSED] + list(layer.rglob("__pycache__")):
        shutil.rmtree(unused, ignore_errors=True)
    _trim(layer / "botocore" / "data")
    _leave_out_docstrings(layer / "botocore" / "docs")
    roots = _amazon_roots((layer / "botocore" / "cacert.pem").read_text("utf-8"))
    (layer / "lingpai" / "aws" / "amazon_roots.pem").write_text(roots, "utf-8")
    done = compileall.compile_dir(
        layer,
        quiet=1,
        force=True,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        stripdir=layer,
        prependdir="/opt/python",
    )
    return 0 if done else 1


def _trim(data: Path) -> None:
    for path in data.iterdir():
        if path.name not in (*SERVICES, *_FILES):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for service in SERVICES:
        for packed in (data / service).rglob("*.json.gz"):
            content = json.loads(gzip.decompress(packed.read_bytes()))
            if service == "dynamodb" and "operations" in content:
                content = _with_operations(content, OPERATIONS)
            _write(packed.with_suffix(""), _undocumented(content))
            packed.unlink()
    for name in _FILES:
        content = json.loads((data / name).read_text("utf-8"))
        if name == "endpoints.json":
            for partition in content["partitions"]:
                partition["services"] = {
                    key: value for key, value in partition["services"].items() if key in _ENDPOINTS
                }
        _write(data / name, content)


def _with_operations(model: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """The service's model with these operations alone, and the shapes that they need."""
    operations = {name: model["operations"][name] for name in wanted}
    shapes: dict[str, Any] = {}
    found = _shapes_in(operations)
    while found:
        shapes |= {name: model["shapes"][name] for name in found}
        found = {name for shape in shapes.values() for name in _shapes_in(shape)} - set(shapes)
    # In the order of the original.
    return {
        **model,
        "operations": operations,
        "shapes": {name: model["shapes"][name] for name in model["shapes"] if name in shapes},
    }


def _shapes_in(content: Any) -> set[str]:
    """The names of the shapes that a part of a model refers to."""
    match content:
        case dict():
            named = {content["shape"]} if isinstance(content.get("shape"), str) else set()
            return named.union(*map(_shapes_in, content.values()))
        case list():
            return set().union(*map(_shapes_in, content))
        case _:
            return set()


def _leave_out_docstrings(docs: Path) -> None:
    """botocore writes the docstrings of its clients' methods when asked: nobody does, yet all of it is loaded."""
    module = docs / "docstring.py"
    defined = re.findall(r"^class (\w+)", module.read_text("utf-8"), re.MULTILINE)
    if set(defined) != {"LazyLoadedDocstring", *DOCSTRINGS}:
        sys.exit("botocore/docs/docstring.py has other classes than were known")
    for path in docs.iterdir():
        # botocore's handlers take small things from it.
        if path.name != "utils.py":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (docs / "__init__.py").touch()
    empty = "class {}(str):\n    def __new__(cls, *_, **__):\n        return str.__new__(cls)\n"
    module.write_text("\n\n".join(map(empty.format, DOCSTRINGS)), "utf-8")


def _amazon_roots(bundle: str) -> str:
    """The certificates of Amazon's roots among botocore's; a list without one of them ends the build."""
    certificate = "-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n"
    found = [re.search(rf'# Label: "{re.escape(name)}"\n(?:#.*\n)*({certificate})', bundle) for name in ROOTS]
    if not all(found):
        sys.exit(f"botocore's cacert.pem lacks one of {', '.join(ROOTS)}")
    return "".join(match[1] for match in found if match)


def _undocumented(content: Any) -> Any:
    """The model without its texts for people. A structure may have a member of that name: then it is no text."""
    match content:
        case dict():
            return {
                name: _undocumented(value)
                for name, value in content.items()
                if name != "documentation" or not isinstance(value, str)
            }
        case list():
            return [_undocumented(value) for value in content]
        case _:
            return content


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
