"""The measured process: answer one event again and again, and do again, apart, what the answer cannot do without.

    python -I -S -B warm_request.py FUNCTION-FOLDER LAYER-FOLDER EVENT timed|counted|profiled TIMES [CRYPTOGRAPHY …]

The parts are the handler; what it asked of the store (the public methods that it called, with their arguments); what of
that is the transport alone (the client's calls); those calls as libraries make them (plain_calls.py); each piece of
cryptography, by its library alone, and the digests besides the store's (SHA-256, HMAC, comparisons). What is asked is
heard once, in the second answer, when the client's record is known.

`timed` does one of each part in turn, TIMES times, in this one process, so that the noise of the machine hits all.
Before each the caches are emptied: a function that waited for its request finds them so, and what was done just before
would find them full. `counted` does each part TIMES times and marks the end of each by a call of nice(2), at
which callgrind writes down what it counted since. `profiled` does the same, and then the handler again with machine
code of its own for each Python function, by which callgrind tells them apart (what `python -X perf` makes).

Out, on standard output: the statuses of all answers, and the last body; how many calls one takes; how often it was
answered after the first, and how often its calls were made apart; the parts in their order; of each repetition the
processor's time in nanoseconds, the process's own and the kernel's for it; the process's number.
"""

import sys

sys.path[:0] = sys.argv[1:3]

import hashlib  # noqa: E402
import hmac  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any  # noqa: E402

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above

sys.path.append(os.path.dirname(__file__))  # noqa: PTH120  Lambda's own process has no pathlib either
from plain_calls import bare, plain  # type: ignore[import-not-found]  # noqa: E402

from lingpai import bootstrap  # noqa: E402
from lingpai.aws.dynamodb import DynamoStore  # noqa: E402

HANDLER, STORE, TRANSPORT, PLAIN, DIGESTS = "handler", "store", "transport", "plain", "digests"
# How often each part is done before: the interpreter fits its code to what it meets, and caches fill.
_WARM_UP = 10
_SLOW_WARM_UP = 1
# More bytes than a core's own caches hold.
_CACHES = 8 * 1024 * 1024
# The message that is signed: about the length of a token's.
_MESSAGE = b"x" * 400

Act = Callable[[], object]


def bare_argon2() -> Act:
    """A verification with the parameters of a deployment."""
    from argon2 import PasswordHasher

    settings = bootstrap.services().settings
    hasher = PasswordHasher(settings.argon2_time, settings.argon2_memory_kib, settings.argon2_parallelism)
    hashed = hasher.hash("correct horse battery")
    return lambda: hasher.verify(hashed, "correct horse battery")


def bare_es256_sign() -> Act:
    """A signature with a key object, made as the tokens' are."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
    return lambda: key.sign(_MESSAGE, algorithm)


def bare_es256_verify() -> Act:
    """A verification with a key object."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(SHA256())
    signature, public = key.sign(_MESSAGE, algorithm), key.public_key()
    return lambda: public.verify(signature, _MESSAGE, algorithm)


def bare_rs256_sign() -> Act:
    """A signature with a key object: that which the handler has, since making one takes seconds."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    services = bootstrap.services()
    key: Any = services.keys.signing("RS256", services.clock.now()).private
    padding, digest = PKCS1v15(), SHA256()
    return lambda: key.sign(_MESSAGE, padding, digest)


CRYPTOGRAPHY: dict[str, Callable[[], Act]] = {
    "argon2": bare_argon2,
    "es256 sign": bare_es256_sign,
    "es256 verify": bare_es256_verify,
    "rs256 sign": bare_rs256_sign,
}


def heard_of(
    owner: Any, names: list[str], asked: list[Act], under_way: list[str], told: list[Any] | None = None
) -> Callable[[], None]:
    """Note down each call of these methods while none is under way, as what does it again; what stops listening.

    `told` gets the method, its arguments and what it gave.
    """
    before = {name: getattr(owner, name) for name in names}

    def listening(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            first = not under_way
            if first:
                asked.append(lambda: method(*arguments, **options))
            under_way.append(method.__name__)
            try:
                given = method(*arguments, **options)
            finally:
                under_way.pop()
            if first and told is not None:
                told.append((method, *arguments, given))
            return given

        return call

    for name, method in before.items():
        setattr(owner, name, listening(method))

    def stop() -> None:
        for name, method in before.items():
            delattr(owner, name)
            if name not in dir(owner):
                setattr(owner, name, method)

    return stop


def do_all(acts: list[Act]) -> Act:
    """What does one after the other."""

    def act() -> None:
        for each in acts:
            each()

    return act


with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  as in first_request.py
    event = json.load(file)
# Later than anything is measured: what is done apart from the handler has its deadline, too.
ends = time.time() + 3600
context = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000",
    function_name="bench",
    get_remaining_time_in_millis=lambda: max(0, int((ends - time.time()) * 1000)),
)
statuses: set[int] = set()
bodies: list[str] = [""]


def answer() -> None:
    """What is measured."""
    answered = handler(event, context)
    statuses.add(answered["statusCode"])
    bodies[0] = answered["body"]


how, times, kinds = sys.argv[4], int(sys.argv[5]), sys.argv[6:]
# The lines of log and metrics are written, to where that costs what a call of the system costs.
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
answer()
store_asked: list[Act] = []
wire_asked: list[Act] = []
digests: list[Act] = []
wire_told: list[Any] = []
methods = [name for name, method in vars(DynamoStore).items() if callable(method) and not name.startswith("_")]
store: Any = bootstrap.services().store
client = store._client  # noqa: SLF001  what makes its calls; None where it was asked nothing
in_store: list[str] = []
endings = [
    heard_of(DynamoStore, methods, store_asked, in_store),
    heard_of(hashlib, ["sha256"], digests, in_store),
    heard_of(hmac, ["digest", "compare_digest"], digests, in_store),
]
if client is not None:
    endings.append(heard_of(client, ["call"], wire_asked, [], wire_told))
answer()
for end in endings:
    end()

parts: dict[str, Act] = {HANDLER: answer}
if store_asked:
    parts |= {STORE: do_all(store_asked), TRANSPORT: do_all(wire_asked)}
    by_libraries = bare(client.pool.url) if bootstrap.services().settings.aws_transport == "bare" else client.call
    parts[PLAIN] = do_all([plain(by_libraries, *told) for _, *told in wire_told])
parts |= {kind: CRYPTOGRAPHY[kind]() for kind in kinds}
if digests:
    parts[DIGESTS] = do_all(digests)
spent: dict[str, list[int]] = {name: [] for name in parts}
warm_up = _SLOW_WARM_UP if "argon2" in kinds else _WARM_UP
for _ in range(warm_up):
    for act in parts.values():
        act()
if how == "timed":
    emptied = bytearray(_CACHES)
    for _ in range(times):
        for name, act in parts.items():
            emptied[:] = bytes(_CACHES)
            begun = time.process_time_ns()
            act()
            spent[name].append(time.process_time_ns() - begun)
else:
    os.nice(0)
    for act in parts.values():
        for _ in range(times):
            act()
        os.nice(0)
if how == "profiled":
    sys.activate_stack_trampoline("perf")
    for _ in range(warm_up):
        answer()
    os.nice(0)
    for _ in range(times):
        answer()
    os.nice(0)
rounds = warm_up + times
said = {
    "status": sorted(statuses),
    "body": bodies[0],
    "calls": len(wire_asked),
    "again": 1 + (2 if how == "profiled" else 1) * rounds,
    "apart": 3 * rounds if store_asked else 0,
    "parts": list(parts),
    "spent": spent,
    "process": os.getpid(),
}
os.write(out, f"\nmeasured {json.dumps(said)}\n".encode())
os._exit(0)
