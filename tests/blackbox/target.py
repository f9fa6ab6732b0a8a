"""What the black-box suite is run against, by the environment.

`BASE_URL` is where the API answers; without it the suite starts local servers of its own. What else a target needs:

- `BLACKBOX_SEED`: the seed file that the target was given, with the clients and the admin of the demo data; their
  secrets may be others (`python -m tools.blackbox_seed` writes such a file). The demo data itself where it is not set.
- `BLACKBOX_CODES`: how codes that were "sent" are read. `local` (the default) asks the local server; `stack NAME`
  reads the table and the pepper of that stack, as only its operator can; `table NAME PEPPER` does so with both given.
- `BLACKBOX_LACKS`: JSON, what the target cannot do and why: `{"cors": "the stand-in sends no CORS headers"}`. The
  tests that need it are left out loudly. The names are those of `Lack`.
- `BLACKBOX_CA`: a file of the certificates to verify the target by, where the public ones do not.
- `BLACKBOX_ORIGIN`: an origin that the target's CORS settings allow; without it, none may be allowed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from local.seed import Seed, load

type Lack = Literal["cors", "signed tokens", "default route", "options", "own address", "codes"]
LACKS: tuple[str, ...] = get_args(Lack.__value__)


@dataclass(frozen=True)
class Target:
    """An API that runs, and what is known of it."""

    url: str
    seed: Seed = field(default_factory=lambda: load(None), repr=False)
    codes: str = field(default="local", repr=False)
    origin: str | None = None
    certificates: str | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)

    def client(self, client_id: str) -> tuple[str, str]:
        """The client's id and secret."""
        found = next(client for client in self.seed.clients if client.client_id == client_id)
        return client_id, found.client_secret or ""

    @property
    def admin(self) -> tuple[str, str]:
        """The admin's name and password."""
        found = next(user for user in self.seed.users if "admin" in user.roles)
        return found.username or "", found.password or ""


def given(environ: Mapping[str, str] = os.environ) -> Target | None:
    """The target that the environment names, if it names one."""
    if not environ.get("BASE_URL"):
        return None
    lacks = json.loads(environ.get("BLACKBOX_LACKS") or "{}")
    unknown = sorted(set(lacks) - set(LACKS))
    if unknown:
        raise ValueError(f"BLACKBOX_LACKS: there is nothing called {unknown[0]!r}; there are: {', '.join(LACKS)}")
    return Target(
        url=environ["BASE_URL"].rstrip("/"),
        seed=load(environ.get("BLACKBOX_SEED") or None),
        codes=environ.get("BLACKBOX_CODES") or "local",
        origin=environ.get("BLACKBOX_ORIGIN") or None,
        certificates=environ.get("BLACKBOX_CA") or None,
        lacks=lacks,
    )
