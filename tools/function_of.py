"""Print the function that an event is for: that of its route, or the one that a schedule calls.

.venv/bin/python -m tools.function_of events/token-password.json
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import template

ROOT = Path(__file__).resolve().parent.parent


def function_of(described: template.Template, event: Mapping[str, Any]) -> template.Function:
    """The template's function for the event; LookupError where no route of the API is the event's."""
    functions = {function.name: function for function in described.functions}
    by_route = {route.key: functions[route.function] for route in described.routes}
    if event.get("source") == "aws.scheduler":
        # The schedule is named after the function, which has no route.
        schedule = str(event["resources"][0]).rpartition("-")[2]
        without_route = (function for function in described.functions if function not in by_route.values())
        (scheduled,) = (function for function in without_route if schedule.startswith(function.name))
        return scheduled
    route = event.get("routeKey")
    if route not in by_route:
        raise LookupError(f"no route of template.yaml is {route!r}")
    return by_route[route]


def main() -> int:
    """Print the logical id for the event in the file that the one argument names."""
    try:
        event = json.loads(Path(sys.argv[1]).read_text("utf-8"))
        print(function_of(template.load(ROOT / "template.yaml"), event).name)
    except (OSError, ValueError, LookupError, AttributeError) as error:
        print(f"this is no event of events/: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
