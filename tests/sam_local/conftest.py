"""What `make e2e-sam-local` has built and started before it runs this folder; `make test` leaves it out."""

import os

import pytest

from tests.sam_local.sam import BUILD, SET_UP, Sam
from tests.support import long_run


def pytest_configure() -> None:
    """End as Ctrl-C does when told to stop; say at once what is not there."""
    long_run.prepare()
    if not os.environ.get("DOCKER_HOST"):
        raise pytest.UsageError("DOCKER_HOST names no engine: run `make e2e-sam-local`")


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Sam:
    """`sam local` after the README's set-up and `sam build`, with a home of its own."""
    made = Sam(tmp_path_factory.mktemp("sam"))
    built = made.run(f"{SET_UP}\n{BUILD}", timeout=900)
    assert built.returncode == 0, built.stdout + built.stderr
    return made
