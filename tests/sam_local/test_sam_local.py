"""The built functions in containers: by the events one by one, and as an API by the black-box suite."""

import os

import pytest

from tests.e2e.server import serving
from tests.sam_local.sam import ORIGIN, PEPPER, Sam
from tests.support.blackbox_suite import run_suite
from tests.support.outcomes import EVENTS, Outcome, of_lambda, of_server
from tests.support.stores import TEMPLATE

# As SAM's source has it: `_request_handler` of samcli/local/apigw/local_apigw_service.py answers an OPTIONS where there
# are CORS settings by 200 and without the function, a preflight too, to which API Gateway says 204;
# `construct_v2_event_http` of event_constructor.py gives no domain name, and `RequestContextV2` takes "localhost" then.
LACKS = {
    "cors": "`sam local start-api` answers a preflight by 200; API Gateway does by 204",
    "options": "`sam local start-api` answers every OPTIONS itself where CORS is on; AWS hands it to the function",
    "own address": "`sam local start-api` tells the function that it is called at https://localhost",
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, dynamodb_endpoint: str) -> dict[str, Outcome]:
    """What the local server answers, on tables of its own, in the order of the names."""
    folder = tmp_path_factory.mktemp("expected")
    names = {table.name.removesuffix("Table").upper(): table.name for table in TEMPLATE.tables}
    tables = {f"{name}_TABLE": f"Expected{table}" for name, table in names.items()}
    keys = str(folder / "keys.json")
    with serving(folder, DYNAMODB_ENDPOINT=dynamodb_endpoint, KEYS_FILE=keys, **tables) as server:
        return {name: of_server(server, event) for name, event in EVENTS.items()}


@pytest.mark.parametrize("name", EVENTS)
def test_invoke(sam: Sam, expected: dict[str, Outcome], name: str) -> None:
    """Status, headers, body: the same as the local server's."""
    outcome = of_lambda(sam.invoke(EVENTS[name]))
    assert outcome == expected[name]


def test_start_api(sam: Sam, dynamodb_endpoint: str) -> None:
    """The black-box suite."""
    with sam.api() as url:
        ended = run_suite(
            url,
            codes=f"table CodesTable {PEPPER}",
            origin=ORIGIN,
            lacks=LACKS,
            timeout=900,
            environment={
                "PATH": os.environ["PATH"],
                "HOME": str(sam.folder),
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
    assert ended.returncode == 0, ended.stdout
