"""Run last: every route of the template was called, by one test or another."""

import fnmatch

import pytest

from tests.blackbox.service import Service
from tests.support.stores import TEMPLATE


def test_every_route_was_called(service: Service, request: pytest.FixtureRequest) -> None:
    folder = request.path.parent
    ran = {item.path for item in request.session.items if item.path.parent == folder}
    if ran != set(folder.glob("test_*.py")) or request.config.option.keyword:
        pytest.skip("not all of this folder is run")
    service.needs("codes")
    paths = {path for method, path in service.called if method != "OPTIONS"}
    routes = [route.path for route in TEMPLATE.routes if route.path != "$default"]
    assert [route for route in routes if not fnmatch.filter(paths, route.replace("{proxy+}", "*"))] == []
