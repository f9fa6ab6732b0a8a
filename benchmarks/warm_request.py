"""The measured process: answer one event again and again, or do again what the store was asked for it.

    python -I -S -B warm_request.py FUNCTION-FOLDER LAYER-FOLDER EVENT handler|store|argon2|es256 TIMES

The first answer and the look at what the store is asked are of every process alike, so that the difference between a
count and that of a process that repeats nothing is what was repeated. Out, on standard output:
the HTTP status, and the processor's time of each
repetition in microseconds.
"""

import sys

sys.path[:0] = sys.argv[1:3]

import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any  # noqa: E402

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above

from lingpai.adapters.dynamodb import DynamoStore  # noqa: E402

with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  as in first_request.py
    event = json.load(file)
ends = time.time() + 3600
context = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000",
    function_name="bench",
    get_remaining_time_in_millis=lambda: max(0, int((ends - time.time()) * 1000)),
)
answer = handler(event, context)

asked: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
under_way: list[str] = []


def heard(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which notes down each call from outside of the store."""

    def call(*arguments: Any, **options: Any) -> Any:
        if not under_way:
            asked.append((method, arguments, options))
        under_way.append(method.__name__)
        try:
            return method(*arguments, **options)
        finally:
            under_way.pop()

    return call


public = {name: method for name, method in vars(DynamoStore).items() if callable(method) and not name.startswith("_")}
for name, method in public.items():
    setattr(DynamoStore, name, heard(method))
again = handler(event, context)
for name, method in public.items():
    setattr(DynamoStore, name, method)


def ask_the_store() -> None:
    """What the handler asked it."""
    for method, arguments, options in asked:
        method(*arguments, **options)


def bare_argon2() -> Callable[[], object]:
    """A verification with the parameters of a deployment."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    hashed = hasher.hash("correct horse battery")
    return lambda: hasher.verify(hashed, "correct horse battery")


def bare_es256() -> Callable[[], object]:
    """A signature with a key object."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.generate_private_key(ec.SECP256R1())
    return lambda: key.sign(b"x" * 300, ec.ECDSA(SHA256()))


repeated: dict[str, Callable[[], Callable[[], object]]] = {
    "handler": lambda: lambda: handler(event, context),
    "store": lambda: ask_the_store,
    "argon2": bare_argon2,
    "es256": bare_es256,
}
act = repeated[sys.argv[4]]()
spent = []
for _ in range(int(sys.argv[5])):
    begun = time.process_time_ns()
    act()
    spent.append((time.process_time_ns() - begun) // 1000)
said = {"status": [answer["statusCode"], again["statusCode"]], "spent": spent}
os.write(1, f"\nmeasured {json.dumps(said)}\n".encode())
os._exit(0)
