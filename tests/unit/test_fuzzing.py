"""`make schemathesis`: what it sends, how much, and that no run of too few requests succeeds."""

import pytest
import yaml

from tools.fuzzing import run

DOCUMENT = yaml.load(run.DOCUMENT.read_text("utf-8"), yaml.CSafeLoader)


def test_fields_are_filled_with_the_values_of_the_examples() -> None:
    known = run.known_values(DOCUMENT)
    assert {"password", "client_credentials"} <= set(known["grant_type"])
    assert len(known["grant_type"]) == len(set(known["grant_type"]))
    assert [{"roleName": "user"}] in known["roleList"]


def test_the_requests_are_shared_out_among_the_operations_that_take_something() -> None:
    taking = sum("requestBody" in path.get("post", {}) for path in DOCUMENT["paths"].values())
    each = run.examples_each(DOCUMENT, 20_000)
    assert (each - 1) * taking < 20_000 <= each * taking


def test_options_come_last_so_that_they_win() -> None:
    command = run.command("http://127.0.0.1:1", 7, ["--seed", "2"])
    assert command[-2:] == ["--seed", "2"]
    assert command[:5] == [str(run.SCHEMATHESIS), "run", str(run.DOCUMENT), "--url", "http://127.0.0.1:1"]


@pytest.mark.parametrize(("printed", "code"), [("20 generated, 20 passed", 0), ("19 generated, 19 passed", 1), ("", 1)])
def test_a_run_of_too_few_requests_is_a_failure(printed: str, code: int) -> None:
    assert run.too_few(f"Test cases:\n  {printed}\n", 20) == code
