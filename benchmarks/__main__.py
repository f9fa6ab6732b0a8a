"""Measure what a request costs: `python -m benchmarks COMMAND`. The exit code is 2 where it could not be run."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import cost_data, functions, growth
from benchmarks.harness import CannotRun
from benchmarks.peers import comparison
from benchmarks.processes import BUILD

OF_FUNCTIONS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "cold-start": functions.cold_start,
    "operations": functions.operations,
}
COMMANDS = {**OF_FUNCTIONS, "growth": growth.main, "cost-data": cost_data.main, "peers": comparison.main}


def main(arguments: Sequence[str]) -> int:
    """Run the command; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        options = commands.add_parser(name, help=summary, description=summary)
        options.add_argument("--runs", type=int, help="how often each is timed")
        options.add_argument("--write", action="store_true", help="write what was found into docs/")
        if name in OF_FUNCTIONS:
            options.add_argument("--build", type=Path, default=BUILD, help="what `sam build` made")
            options.add_argument("--only", nargs="+", metavar="NAME", help="these operations, and nothing else")
    given = parser.parse_args(arguments)
    try:
        COMMANDS[given.command](given)
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
