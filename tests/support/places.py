"""A database of places as an operator has one: GeoIP2 City records in the MaxMind DB format."""

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

SHANGHAI = {
    "city": {"names": {"en": "Shanghai", "zh-CN": "上海"}},
    "subdivisions": [{"names": {"en": "Shanghai", "zh-CN": "上海"}}],
    "country": {"iso_code": "CN", "names": {"en": "China", "zh-CN": "中国"}},
}


def database(folder: Path, networks: dict[str, Any]) -> str:
    """The path of a database with these records by network."""
    writer = MMDBWriter(6, "Test-City", languages=["en", "zh-CN"], ipv4_compatible=True)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    path = folder / "places.mmdb"
    writer.to_db_file(str(path))
    return str(path)
