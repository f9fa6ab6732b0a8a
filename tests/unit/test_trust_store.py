"""Whom clients of AWS trust."""

import ssl
from pathlib import Path

import botocore.session
import pytest

from lingpai.aws import trust_store as module
from lingpai.aws.trust_store import BOTOCORES, trust_store
from lingpai.outbound.connections import tls_context


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


def test_authorities_are_read_once(tmp_path: Path) -> None:
    """For all clients that trust the same file; a file that was not there is looked for again."""
    file = tmp_path / "roots.pem"
    with pytest.raises(FileNotFoundError):
        tls_context(str(file))
    file.write_bytes(Path(BOTOCORES).read_bytes())
    context = tls_context(str(file))
    assert tls_context(str(file)) is context
    assert tls_context(BOTOCORES) is not context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) > 100
