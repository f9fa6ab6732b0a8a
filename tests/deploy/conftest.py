"""One stand-in and one stack for all tests of this folder; whatever happens, nothing of them stays.

`make e2e-deploy` installs the stand-in, builds, and runs this folder; `make test` leaves it out.
"""

from collections.abc import Iterator

import pytest

from tests.deploy import stand_in
from tests.deploy.stack import BUILT, EXAMPLE, Stack, new_stack
from tests.support import long_run


def pytest_configure() -> None:
    """Leave nothing behind when told to stop; say at once what is not there."""
    long_run.prepare()
    if not all((built / "template.yaml").is_file() for built in (BUILT, EXAMPLE)):
        raise pytest.UsageError("there is no build for this machine: run `make e2e-deploy`")
    reason = stand_in.missing()
    if reason is not None:
        raise pytest.UsageError(f"the stand-in for AWS cannot run: {reason}")


@pytest.fixture(scope="session")
def running() -> Iterator[stand_in.StandIn]:
    """The stand-in for AWS, with IAM enforced."""
    with stand_in.running() as started:
        yield started


@pytest.fixture(scope="session")
def new(running: stand_in.StandIn) -> Stack:
    """A stack that is not deployed yet, and its users."""
    return new_stack(running)


@pytest.fixture(scope="session")
def stack(new: Stack) -> Stack:
    """The stack, deployed and seeded by the operator's command."""
    new.deploy()
    new.seed_by_command()
    return new
