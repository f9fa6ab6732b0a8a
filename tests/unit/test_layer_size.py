"""How large the layer is: each file is counted once, for the package that brought it."""

import zipfile
from pathlib import Path

import pytest

from benchmarks import layer_size, report


@pytest.fixture
def build(tmp_path: Path) -> Path:
    packages = tmp_path / "CommonLayer" / "python"
    for name, size in (
        ("jwt/api.py", 1000),
        ("jwt/__pycache__/api.cpython-313.pyc", 500),
        ("pyjwt-2.15.1.dist-info/METADATA", 70),
        ("six.py", 300),
        ("__pycache__/six.cpython-313.pyc", 200),
        ("lingpai/model.py", 4000),
    ):
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    record = "jwt/api.py,sha256=…,1000\npyjwt-2.15.1.dist-info/METADATA,,\npyjwt-2.15.1.dist-info/RECORD,,\n"
    (packages / "pyjwt-2.15.1.dist-info" / "RECORD").write_text(record, "utf-8")
    for function, size in (("TokenFunction", 10), ("UsersFunction", 2 * layer_size.MEGABYTE)):
        (tmp_path / function).mkdir()
        (tmp_path / function / "app.py").write_bytes(b"x" * size)
    return tmp_path


def test_each_package_with_its_compiled_modules_apart(build: Path) -> None:
    found = {size.name: (size.files, size.compiled) for size in layer_size.measure(build).packages}
    record = (build / "CommonLayer/python/pyjwt-2.15.1.dist-info/RECORD").stat().st_size
    assert found == {"lingpai": (4000, 0), "pyjwt": (1070 + record, 500), "six": (300, 200)}


def test_all_of_it_is_counted_once(build: Path) -> None:
    layer = layer_size.measure(build)
    files = [path for path in (build / "CommonLayer").rglob("*") if path.is_file()]
    assert layer.unzipped == sum(path.stat().st_size for path in files)
    assert layer.function == 2 * layer_size.MEGABYTE
    # The zip holds what its entries take, and their names.
    entries = sum(size.zipped for size in layer.packages)
    assert entries < layer.zipped < layer.unzipped


def test_what_is_zipped_is_measured_and_not_guessed(build: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(build / "CommonLayer/python/lingpai/model.py", "python/lingpai/model.py")
        (alone,) = archive.infolist()
    (ours,) = [size for size in layer_size.measure(build).packages if size.name == "lingpai"]
    assert ours.zipped == alone.compress_size


def test_the_table_says_how_much_of_the_limits_is_taken(build: Path) -> None:
    text = layer_size.told(layer_size.measure(build))
    assert "| the layer and the largest function, unzipped | 2.01 | 250 | 1% |" in text


def test_it_has_its_place_on_the_page() -> None:
    assert "<!-- layer-size -->" in report.PAGE.read_text("utf-8")


def test_nothing_built_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert layer_size.main(["--build", str(tmp_path)]) == 2
    assert "make build-here" in capsys.readouterr().err
