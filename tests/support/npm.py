"""OAuth clients of the npm registry, which `make npm-clients` fetches."""

import shutil

from tests.support.stores import ROOT

NODE = shutil.which("node") or ""
SCRIPT = ROOT / "tests" / "e2e" / "oauth4webapi.mjs"
_MODULES = ROOT / ".cache" / "npm-clients" / "node_modules"
ALTCHA = _MODULES / "altcha" / "dist" / "lib" / "index.js"
OAUTH4WEBAPI = _MODULES / "oauth4webapi" / "build" / "index.js"
DPOP_SCRIPT = ROOT / "tests" / "e2e" / "dpop.mjs"
DPOP = _MODULES / "dpop" / "build" / "index.js"
OTPAUTH_SCRIPT = ROOT / "tests" / "e2e" / "otpauth.mjs"
OTPAUTH = _MODULES / "otpauth" / "dist" / "otpauth.node.mjs"


def missing() -> str | None:
    """Why they cannot run here, or None when they can."""
    if not NODE:
        return "no node on the PATH (Node.js 20 or later is needed)"
    if not (DPOP.exists() and OAUTH4WEBAPI.exists() and OTPAUTH.exists() and ALTCHA.exists()):
        return "run `make npm-clients` to fetch them"
    return None
