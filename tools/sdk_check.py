"""Make a client of TypeScript from docs/openapi.yaml, check a program that uses it, and let that call a server.

    make sdk-check

In: the folder with the program (tools/sdk-check) and its packages. The server is a local one, started and stopped here.
Out: the exit code, 0 if the types are right and each answer was the one that the program expects.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import local_server

DOCUMENT = local_server.ROOT / "docs" / "openapi.yaml"


def main(folder: Path) -> int:
    """Run the generator, the compiler and the program; the code of the first that fails."""
    tools = folder / "node_modules" / ".bin"
    # Fields with a default may be left out.
    generator = ["openapi-typescript", str(DOCUMENT), "-o", "api.d.ts", "--default-non-nullable=false"]
    for name, *arguments in (generator, ["tsc"]):
        if code := subprocess.run([tools / name, *arguments], cwd=folder, check=False).returncode:  # noqa: S603
            return code
    with tempfile.TemporaryDirectory() as logs, local_server.serving(Path(logs) / "server.log") as url:
        return _run(folder, url)


def _run(folder: Path, url: str) -> int:
    program = ["node", "out/check.js"]
    return subprocess.run(program, cwd=folder, env={**os.environ, "BASE_URL": url}, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
