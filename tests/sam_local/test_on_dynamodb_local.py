"""The functions in containers on a DynamoDB Local: some events, and as an API the black-box suite."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.sam_local.sam import ORIGIN, STORE_PORT, Sam
from tests.support import stores
from tests.support.blackbox_suite import run_suite
from tests.support.outcomes import EVENTS
from tests.support.stores import ROOT, TEMPLATE
from tools.function_of import function_of

pytestmark = pytest.mark.security("F1")

# As SAM's source has it: `_request_handler` of samcli/local/apigw/local_apigw_service.py answers an OPTIONS where there
# are CORS settings by 200 and without the function, a preflight too, to which API Gateway says 204;
# `construct_v2_event_http` of event_constructor.py gives no domain name, and `RequestContextV2` takes "localhost" then.
LACKS = {
    "cors": "`sam local start-api` answers a preflight by 200; API Gateway does by 204",
    "options": "`sam local start-api` answers every OPTIONS itself where CORS is on; AWS hands it to the function",
    "own address": "`sam local start-api` tells the function that it is called at https://localhost",
}
PEPPER = json.loads((ROOT / "events" / "env.local.json").read_text("utf-8"))["Parameters"]["CODE_PEPPER"]


@pytest.fixture(scope="module")
def dynamodb(sam: Sam) -> Iterator[str]:
    """A DynamoDB Local at the port of events/env.local.json, with what `make run` puts there."""
    reason = stores.missing()
    assert reason is None, reason
    with stores.dynamodb_local(STORE_PORT) as endpoint:
        with sam.serving(DYNAMODB_ENDPOINT=endpoint):
            pass
        yield endpoint


@pytest.mark.parametrize("name", ["token-password", "token-passport", "users-update", "users-identities-link"])
def test_invoke_on_dynamodb_local(sam: Sam, dynamodb: str, name: str) -> None:
    """The same commands do on a DynamoDB Local, also while no `make run` runs."""
    answer = sam.invoke(function_of(TEMPLATE, EVENTS[name]).name, name)
    assert answer["statusCode"] == 200, answer


def test_start_api(sam: Sam, dynamodb: str) -> None:
    """The black-box suite."""
    with sam.api(CorsOrigins=ORIGIN) as url:
        ended = run_suite(
            url,
            codes=f"table CodesTable {PEPPER}",
            origin=ORIGIN,
            lacks=LACKS,
            timeout=900,
            environment={
                "PATH": os.environ["PATH"],
                "HOME": str(sam.folder),
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
    assert ended.returncode == 0, ended.stdout
