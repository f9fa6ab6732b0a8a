"""Whom clients of AWS trust."""

from pathlib import Path

import botocore.session
import pytest

from lingpai.aws import trust_store as module
from lingpai.aws.trust_store import trust_store


@pytest.fixture(autouse=True)
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the layer's build writes."""
    file = tmp_path / "amazon_roots.pem"
    file.touch()
    monkeypatch.setattr(module, "_AMAZONS", file)
    for name in ("AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    return file


def test_commercial_regions_trust_amazon(layer: Path) -> None:
    """All that botocore knows of the partition `aws`, and none of another's."""
    session = botocore.session.Session()
    partitions = {name: session.get_available_regions("dynamodb", name) for name in session.get_available_partitions()}
    assert {trust_store(region) for region in partitions.pop("aws")} == {str(layer)}
    others = [region for regions in partitions.values() for region in regions]
    assert "cn-north-1" in others
    assert "us-gov-west-1" in others
    assert {trust_store(region) for region in (*others, "local", "")} == {None}


def test_without_the_file_botocore_decides(layer: Path) -> None:
    layer.unlink()
    assert trust_store("us-east-1") is None


@pytest.mark.security("F1")
def test_empty_is_not_set(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template declares the variables that `sam local` is to hand on; in a deployment they are empty."""
    for name in ("AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.setenv(name, "")
    assert trust_store("us-east-1") == str(layer)


def test_what_somebody_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address may have another certificate; another list of roots is a decision."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.example.com")
    assert trust_store("us-east-1") is None
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/roots.pem")
    assert trust_store("us-east-1") == "/etc/roots.pem"
