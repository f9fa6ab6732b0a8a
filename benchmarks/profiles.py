"""Where the instructions of an operation go: read from callgrind's dumps, by function and by room; docs/profiles.md.

Python makes a piece of machine code of its own for each Python function where it is asked to (`python -X perf`), and
says in a file which is whose. By that callgrind tells them apart, and counts for each what it does itself, what is done
in C for it, and whom it calls. Nothing is sampled, and no clock is read: the figures come out alike on any day. Calls
cost a little more than without; by how much is on the page.

https://docs.python.org/3/howto/perf_profiling.html, https://valgrind.org/docs/manual/cl-format.html
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.markdown import table
from tests.support.stores import ROOT

PAGE = ROOT / "docs" / "profiles.md"
HEAVIEST = 12

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
# callgrind charges to its caller whatever has a name, which leaves what has none: the machine code of Python functions.
# Not nice(2), whose calls end the parts of a process, nor what starts it: callgrind wants something to begin with.
_NAMED = [letter for letter in _LETTERS if letter not in "n_"]
_NAMED += [f"n{letter}" for letter in _LETTERS if letter != "i"]
_NAMED += [f"_{letter}" for letter in _LETTERS if letter not in "ds"]
OPTIONS = ("--dump-before=nice", *(f"--fn-skip={start}*" for start in _NAMED))

WEB, WRITTEN, CORE = "web", "log and metrics", "core"
ITEMS, SIGNING, WIRE, CONNECTION = "items and expressions", "signing", "calls", "connection and TLS"
JSON, CRYPTOGRAPHY, BOTOCORE = "JSON", "cryptography", "botocore"
# Whose function it is, by where its file is; the first that fits.
ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (WRITTEN, ("lingpai/http/observability.py", "lingpai/http/metrics.py", "aws_lambda_powertools/", "logging/")),
    (WEB, ("lingpai/http/",)),
    (ITEMS, ("lingpai/aws/dynamodb/", "pynamodb/")),
    (SIGNING, ("lingpai/aws/signature.py", "lingpai/aws/credentials.py")),
    (CONNECTION, ("lingpai/outbound/", "http/", "email/", "ssl.py", "socket.py")),
    (WIRE, ("lingpai/aws/",)),
    (CRYPTOGRAPHY, ("lingpai/sessions/jwt.py", "lingpai/kernel/jws.py", "jwt/", "cryptography/", "argon2/")),
    (JSON, ("json/",)),
    (BOTOCORE, ("botocore/", "urllib3/")),
    (CORE, ("lingpai/", "phonenumbers/")),
)
MEANING = {
    WEB: "`lingpai.http`: the event, the client's proof, the route, the dialect's answer",
    CORE: "`lingpai`: grants, use cases, sessions, codes, the small adapters; phonenumbers",
    WRITTEN: "the line of log and that of metrics, and where it is asked for Powertools and `logging`",
    ITEMS: "`lingpai.aws.dynamodb` and PynamoDB: items and expressions, made and read",
    WIRE: "`lingpai.aws`: a call's body, its checksum, its retries",
    SIGNING: "`lingpai.aws`: the signature and the credentials",
    CONNECTION: "`lingpai.outbound.connections`, `http.client`, `ssl`, `socket`: HTTP, and TLS with its cipher",
    JSON: "the standard library's; what orjson reads and writes counts to who has it done",
    CRYPTOGRAPHY: "argon2-cffi, cryptography, PyJWT, and `sessions.jwt` and `kernel.jws`, which call them",
    BOTOCORE: "botocore",
}
# The process that measures, and what stands around it.
_OUTSIDE = "warm_request.py"
_MADE = "<string>"
_ROOTS = ("/CommonLayer/python/", "/python3.13/")


@dataclass(frozen=True)
class Function:
    """A Python function: its qualified name, and its file, seen from the layer or the standard library."""

    name: str
    file: str


@dataclass(frozen=True)
class Weight:
    """What one request has of a function: calls, and instructions of its own, in C for it included."""

    function: Function
    calls: float
    own: float


@dataclass(frozen=True)
class Profile:
    """Of one request: instructions by room and by function, and how many they are without being profiled."""

    name: str
    plain: int
    rooms: Mapping[str, float]
    functions: tuple[Weight, ...]

    @property
    def total(self) -> float:
        return sum(self.rooms.values())


@dataclass
class Graph:
    """Who calls whom: instructions of each node's own, and of each edge its calls and what was done in them."""

    own: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[str, dict[str, tuple[float, float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, caller: str, callee: str, count: float, cost: float) -> None:
        known = self.calls[caller].get(callee, (0, 0))
        self.calls[caller][callee] = (known[0] + count, known[1] + cost)

    def nodes(self) -> set[str]:
        return {*self.own, *self.calls, *(callee for callees in self.calls.values() for callee in callees)}

    def fold(self, node: str) -> None:
        """Take a node away: its callers have done what it did, each as much as was done in its calls of it."""
        callers = {name: callees[node] for name, callees in self.calls.items() if node in callees and name != node}
        whole = sum(cost for _, cost in callers.values())
        if not whole:
            return
        own, callees = self.own.pop(node, 0), self.calls.pop(node, {})
        for caller, (_, cost) in callers.items():
            del self.calls[caller][node]
            part = cost / whole
            self.own[caller] += own * part
            for callee, (count, inner) in callees.items():
                if callee not in {node, caller}:
                    self.add(caller, callee, count * part, inner * part)


def total(dump: Path) -> int:
    """All instructions of a dump."""
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{dump.name} has no total")
    return int(found[1])


@contextmanager
def machine_code(process: int) -> Iterator[Mapping[int, Function]]:
    """Whose machine code begins where, in a process that has ended: Python's file of it, which is removed."""
    path = Path(f"/tmp/perf-{process}.map")  # noqa: S108  where Python writes it, whatever TMPDIR says
    try:
        yield functions(path.read_text("utf-8"))
    finally:
        path.unlink()


def functions(text: str) -> dict[int, Function]:
    """The functions by their addresses, from lines like `54b3010 b py::name:/path/file.py`."""
    found = {}
    for line in text.splitlines():
        address, _, rest = line.split(" ", 2)
        name, _, file = rest.removeprefix("py::").partition(":")
        found[int(address, 16)] = Function(name, _short(file))
    return found


def _short(file: str) -> str:
    for root in _ROOTS:
        if root in file:
            return file.partition(root)[2]
    return file.rpartition("/")[2]


def graph(text: str) -> Graph:
    """What a dump of callgrind holds. A node's name is the function's, with the object's if that is not anonymous."""
    found, objects, names = Graph(), dict[str, str](), dict[str, str]()
    here, there, current, callee, calls = "", "", "", "", None
    for line in text.splitlines():
        kind, equals, rest = line.partition("=")
        if not equals:
            if line[:1] in "+-*0123456789" and line:
                cost = int(line.split()[1])
                if calls is None:
                    found.own[current] += cost
                else:
                    found.add(current, callee, calls, cost)
                    calls = None
            continue
        match kind:
            case "ob":
                here = _named(rest, objects)
            case "cob":
                there = _named(rest, objects)
            case "fn":
                current = _node(rest, here, names)
                there = here
            case "cfn":
                callee, there = _node(rest, there, names), here
            case "calls":
                calls = int(rest.split()[0])
            case _:
                pass
    return found


def _named(text: str, known: dict[str, str]) -> str:
    """A name that is told once, `(7) name`, and then by its number alone."""
    number, _, name = text.partition(" ")
    return known.setdefault(number, name)


def _node(text: str, where: str, known: dict[str, str]) -> str:
    number, _, name = text.partition(" ")
    return known.setdefault(number, name if where == "???" else f"{name} {where}")


def read(name: str, dump: Path, code: Mapping[int, Function], times: int, plain: int) -> Profile:
    """The profile of an operation that was repeated so many times; `plain` are its instructions unprofiled."""
    return profile(name, graph(dump.read_text("utf-8")), code, times, plain)


def profile(name: str, whole: Graph, code: Mapping[int, Function], times: int, plain: int) -> Profile:
    """The profile of an operation; instructions are charged to the Python function that has them done."""
    known = {node: function for node in whole.nodes() if (function := _function(node, code)) is not None}
    _fold_all(whole, lambda node: node not in known)
    counts: dict[str, float] = defaultdict(float)
    for callees in whole.calls.values():
        for callee, (count, _) in callees.items():
            counts[callee] += count
    weights = [
        Weight(_told_apart(node, known, whole), counts[node] / times, whole.own[node] / times)
        for node, function in known.items()
        if function.file != _OUTSIDE
    ]
    # What no room has, the standard library's for the most, was done for who called it, as what is done in C.
    _fold_all(whole, lambda node: node in known and room(known[node]) is None)
    rooms: dict[str, float] = defaultdict(float)
    for node, function in known.items():
        if (of := room(function)) is not None:
            rooms[of] += whole.own[node] / times
    return Profile(name, plain, rooms, tuple(sorted(_merged(weights), key=lambda weight: -weight.own)))


def _fold_all(whole: Graph, unwanted: Callable[[str], bool]) -> None:
    for node in sorted(filter(unwanted, whole.nodes())):
        whole.fold(node)


def _function(node: str, code: Mapping[int, Function]) -> Function | None:
    return code.get(int(node, 16)) if re.fullmatch(r"0x[0-9a-f]+", node) else None


def _told_apart(node: str, known: Mapping[str, Function], whole: Graph) -> Function:
    """The function; those that dataclasses make are all called the same, and are named by who calls them most."""
    function = known[node]
    if function.file != _MADE:
        return function
    callers = {name: callees[node][1] for name, callees in whole.calls.items() if node in callees}
    name = function.name.rpartition(".")[2]
    caller = known.get(max(callers, key=lambda name: callers[name], default=""))
    return Function(f"{name} for {caller.name}" if caller else name, "made by dataclasses")


def _merged(weights: Sequence[Weight]) -> list[Weight]:
    """One for each function: what decorators and closures make has its code several times."""
    found: dict[Function, Weight] = {}
    for weight in weights:
        known = found.get(weight.function, Weight(weight.function, 0, 0))
        found[weight.function] = Weight(weight.function, known.calls + weight.calls, known.own + weight.own)
    return list(found.values())


def room(function: Function) -> str | None:
    """Whose it is; None for what counts to its caller."""
    return next((name for name, starts in ROOMS if function.file.startswith(starts)), None)


def shown(found: Profile) -> str:
    """Both tables of an operation."""
    rooms = [
        (name, f"{cost / 1000:.0f}", f"{cost / found.total:.0%}") for name in MEANING if (cost := found.rooms.get(name))
    ]
    functions = [
        (
            f"`{weight.function.name}`",
            weight.function.file,
            f"{weight.calls:.0f}",
            f"{weight.own / 1000:.0f}",
            f"{weight.own / found.total:.0%}",
        )
        for weight in found.functions[:HEAVIEST]
    ]
    by_room = table(("Room", "Instructions, thousands", "Share"), rooms)
    by_function = table(("Function", "File", "Calls", "Own, thousands", "Share"), functions, left=2)
    return f"{by_room}\n\n{by_function}"


_HEAD = """# Where the instructions of an operation go

Written by `make bench`; [what it costs](performance.md) says what is measured, and what remains and why. Each operation
is that of the table there, warm, by the bare transport: the handler's instructions in user space, counted by callgrind,
for one request. A function's own are those of its Python, and of what is done in C for it. A room has those of its
functions, and of the standard library's that they call:

"""


def write(found: Sequence[Profile]) -> None:
    """Write docs/profiles.md."""
    PAGE.write_text(page(found), "utf-8")


def page(found: Sequence[Profile]) -> str:
    """The page: all operations by room, then each by room and by function."""
    names = [name for name in MEANING if any(name in profile.rooms for profile in found)]
    rows = [
        (f"[{each.name}](#{_anchor(each.name)})", *(f"{each.rooms.get(name, 0) / each.total:.0%}" for name in names))
        for each in found
    ]
    meanings = "\n".join(f"- **{name}**: {meaning}" for name, meaning in MEANING.items() if name in names)
    sections = [f"## {each.name}\n\n{_told(each)}\n\n{shown(each)}\n" for each in found]
    return _HEAD + meanings + "\n\n" + table(("Operation", *names), rows) + "\n\n" + "\n".join(sections)


def _told(found: Profile) -> str:
    return f"{found.plain / 1000:.0f} thousand instructions, and {found.total / 1000:.0f} as it is profiled."


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
