"""OAuth clients of the npm registry, which `make npm-clients` fetches."""

import shutil

from tests.support.stores import ROOT

NODE = shutil.which("node") or ""
SCRIPT = ROOT / "tests" / "e2e" / "oauth4webapi.mjs"
OAUTH4WEBAPI = ROOT / ".cache" / "npm-clients" / "node_modules" / "oauth4webapi" / "build" / "index.js"


def missing() -> str | None:
    """Why they cannot run here, or None when they can."""
    if not NODE:
        return "no node on the PATH (Node.js 20 or later is needed)"
    if not OAUTH4WEBAPI.exists():
        return "run `make npm-clients` to fetch them"
    return None
