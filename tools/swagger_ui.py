"""Put Swagger UI into the layer, compressed, with its licence: what `/docs` shows the API by.

    make swagger-ui

In: the package swagger-ui-dist that tools/swagger-ui/package-lock.json pins, as npm installed it.
"""

import gzip
import sys
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "layers" / "common" / "lingpai" / "api_docs" / "assets"
COMPRESSED = ("swagger-ui.css", "swagger-ui-bundle.js")
# Apache-2.0, and the licences of what is in the bundle.
NOTICES = ("NOTICE", "swagger-ui-bundle.js.LICENSE.txt")


def write(package: Path, assets: Path) -> None:
    """Write the files of the package into `assets`; the same ones give the same bytes."""
    for name in COMPRESSED:
        (assets / f"{name}.gz").write_bytes(gzip.compress((package / name).read_bytes(), 9, mtime=0))
    notices = "\n".join((package / name).read_text("utf-8") for name in NOTICES)
    (assets / "swagger-ui-NOTICE.txt").write_text(notices, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), ASSETS)
