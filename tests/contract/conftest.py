"""Vendors on this machine."""

from collections.abc import Iterator

import pytest

from tests.support.fake_web import Certificate, make_certificate
from tests.support.sms import Shop, open_shop


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def shop(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with open_shop(certificate, monkeypatch) as opened:
        yield opened
