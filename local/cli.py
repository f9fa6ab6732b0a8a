"""Entry point of the operator's command line, `lingpai`. The commands are in `local.operator`.

In: the arguments, and the environment (docs/settings.md). Out: an exit code, as docs/operator.md has them.
"""

import sys


def main() -> None:
    """Run it on the arguments of the process."""
    try:
        from local.operator.app import app
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="lingpai")


if __name__ == "__main__":
    main()
