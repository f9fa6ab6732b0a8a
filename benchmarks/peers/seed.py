"""Fill a server's store before it begins: `python -m benchmarks.peers.seed MODULE`; what it gives is printed as JSON.

The module is one of `apps`. What it gives are `sessions` (refresh tokens) and `versions`.
"""

import importlib
import json
import sys


def main(module: str) -> int:
    """Fill and tell; give the exit code."""
    print(json.dumps(importlib.import_module(module).populate()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
