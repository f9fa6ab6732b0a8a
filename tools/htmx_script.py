"""Put htmx into the layer, with its licence: the console asks for parts of its pages by it.

    make htmx

In: the package htmx.org that tools/htmx/package-lock.json pins, as npm installed it.
"""

import json
import sys
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "layers" / "common" / "lingpai" / "console" / "assets"


def write(package: Path, assets: Path) -> None:
    """Write the script of the package into `assets`, with a line that says what it is; the same one gives the same."""
    about = json.loads((package / "package.json").read_text("utf-8"))
    head = f"/* htmx {about['version']}, {about['license']} licence: see htmx-LICENSE.txt */\n"
    (assets / "htmx.js").write_text(head + (package / "dist" / "htmx.min.js").read_text("utf-8"), "utf-8")
    (assets / "htmx-LICENSE.txt").write_text((package / "LICENSE").read_text("utf-8"), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), ASSETS)
