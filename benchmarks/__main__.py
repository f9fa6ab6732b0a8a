"""Measure what a request costs: `python -m benchmarks COMMAND`. The exit code is 2 where it could not be run."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import cold_start, growth, operations, warm
from benchmarks.machine import CannotRun
from benchmarks.peers import comparison

COMMANDS = {
    "cold-start": cold_start,
    "warm": warm,
    "growth": growth,
    "peers": comparison,
    "cost-data": operations,
}


def main(arguments: Sequence[str]) -> int:
    """Run the command; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    given = parser.parse_args(arguments)
    try:
        COMMANDS[given.command].main(given)
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
