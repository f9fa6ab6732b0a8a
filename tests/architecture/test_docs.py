"""What README.md and the other pages say of the code is so."""

import inspect
import json
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from lingpai import bootstrap
from lingpai.http.reasons import REASONS
from lingpai.http.router import ANY_NAME
from lingpai.oauth.client_records import ClientEntry
from lingpai.settings import Settings, from_environment
from local import demo, environment, seed
from tests.support.api import make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, TEMPLATE, settings
from tools import architecture_picture, settings_page, write_openapi

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/*.md"))
    if not path.relative_to(ROOT).as_posix().startswith(".")
)
GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md" and page.parent.name != "decisions"]
CODE = ("layers", "functions", "local", "examples", "sdk", "tests", "tools", "benchmarks", "docs", "events")
README = (ROOT / "README.md").read_text("utf-8")
WIRE_CONTRACT = (ROOT / "docs" / "api.md").read_text("utf-8")
ENDPOINTS = WIRE_CONTRACT.partition("\n## Endpoints\n")[2].partition("\n## ")[0]
ROUTES = tuple(write_openapi.routes())
SETTINGS = (ROOT / "docs" / "settings.md").read_text("utf-8")
LOCAL = (ROOT / "docs" / "local.md").read_text("utf-8")
SEED = (ROOT / "docs" / "seed.md").read_text("utf-8")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")

_PATH = re.compile(r"`([A-Za-z_][\w./-]*(?:\.py|/))`")
_PACKAGES = "|".join(path.stem for path in (ROOT / "layers" / "common" / "lingpai").iterdir() if path.name[0] != "_")
_NAME = re.compile(rf"`((?:{_PACKAGES})(?:\.(?!py`)\w+)+)(\([^`]*\))?`")


def table(page: str, first_column: str) -> Iterator[list[str]]:
    """The rows of the tables whose first column bears this name, code marks taken off."""
    inside = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_column:
            inside = True
        elif inside and not set(line) <= set("|-"):
            yield [cell[1:-1] if re.fullmatch("`[^`]*`", cell) else cell for cell in cells]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    """A link to a file of ours leads to one, and a link to a heading leads to that heading."""
    broken = []
    for target in map("".join, _LINK.findall(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (heading and heading not in _headings(path)):
            broken.append(target)
    assert broken == []


def test_the_quick_start() -> None:
    """Addresses and logins are those of the demo; the app is deployed by the commands that make it on this machine.

    Those are run by tests/browser/test_demo.py.
    """
    page = (ROOT / "docs" / "quick-start.md").read_text("utf-8")
    assert [port for port in demo.PORTS.values() if f"<http://127.0.0.1:{port}/" not in page] == []
    users = json.loads((ROOT / "local" / "demo-seed.json").read_text("utf-8"))["users"]
    user = next(user for user in users if "mobile" in user)
    assert all(f"`{user[name]}`" in page for name in ("mobile", "username", "password"))
    create = re.findall(r"^\.venv/bin/lingpai (.*?[^\\])$", page, re.MULTILINE | re.DOTALL)
    here, there, doctor = create
    assert (
        here.replace("--local", "--stack lingpai-dev").replace("http://127.0.0.1:9000", "https://app.example.com")
        == there
    )
    assert doctor == "--stack lingpai-dev doctor"
    for command in ("make build", ".cache/sam/bin/sam deploy --config-env dev"):
        assert f"\n{command}\n" in page
        assert f"\n{command} " in README


def _headings(path: Path) -> set[str]:
    """The anchors of a page, as its readers' site makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_picture() -> None:
    """The architecture's pictures are those of the template (`make picture`), and the README shows both."""
    for path, picture in architecture_picture.pictures().items():
        assert path.read_text("utf-8") == picture, f"{path.name}: run `make picture`"
        assert f'="docs/{path.name}"' in README


def test_packages() -> None:
    """The table of packages has each of them."""
    packages = {path.parent.name for path in (ROOT / "layers" / "common" / "lingpai").glob("*/__init__.py")}
    assert {row[0] for row in table(README, "Package")} == packages


def test_paths() -> None:
    """Each module and folder that a page names in code marks is there, wherever its path begins."""
    files = [f"/{path.relative_to(ROOT).as_posix()}" for folder in CODE for path in (ROOT / folder).rglob("*.*")]
    folders = {f"{parent}/" for path in files for parent in PurePosixPath(path).parents}
    named = {(page.name, path) for page in GUIDES for path in _PATH.findall(page.read_text("utf-8"))}
    assert len(named) > 20
    there = (*files, *folders)
    assert [each for each in sorted(named) if not any(path.endswith(f"/{each[1]}") for path in there)] == []


def test_names_of_the_code() -> None:
    """Each dotted name of `lingpai` that a guide for contributors has is there, with these parameters."""
    guides = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "senders.md"]
    named = {found for page in guides for found in _NAME.findall(page.read_text("utf-8"))}
    assert len(named) > 15
    for name, parameters in sorted(named):
        found = pkgutil.resolve_name(f"lingpai.{name}")
        if parameters:
            told = [parameter.strip() for parameter in parameters.strip("()").split(",")]
            assert told == [each for each in inspect.signature(found).parameters if each != "self"], name


def test_settings() -> None:
    """The table of settings is `Settings`: each field, in its order, with its default (`make settings`)."""
    assert settings_page.text() == SETTINGS
    told = [(row[0], row[1]) for row in table(SETTINGS, "Variable")]
    assert told == [
        (name.upper(), settings_page.default_text(field.default)) for name, field in Settings.model_fields.items()
    ]


def test_defaults_are_what_nothing_set_gives() -> None:
    """A setting left empty has the default that the table tells."""
    nothing = {name.upper(): "" for name in Settings.model_fields}
    assert from_environment(nothing) == from_environment({}) == Settings()


def test_settings_of_the_local_server() -> None:
    """The local server sets what docs/local.md says, and reads PORT, SEED and the like."""
    text = LOCAL.partition("The local server sets")[2].partition("\n## ")[0]
    given: dict[str, str] = {}
    environment.prepare(given, 3000)
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    differing = {
        name
        for name, value in given.items()
        if name in fields and value != settings_page.default_text(fields[name].default)
    }
    sentence = text.partition("It also reads")[0]
    assert set(re.findall(r"`([A-Z_]+)", sentence)) == differing
    rows = {row[0]: row[1] for row in table(text, "Variable")}
    assert set(rows) == {"PORT", "SEED", "DYNAMODB_ENDPOINT", "SAM_LOCAL", "DYNAMODB_PORT", "LOG_LEVEL"}
    assert rows["PORT"] == str(environment.read_port({}))
    assert rows["LOG_LEVEL"] == environment.PRESETS["LOG_LEVEL"]


def test_groups_of_endpoints() -> None:
    """The README's table has a group for each route, and no group without one."""
    groups = {path for row in table(README, "Paths") for path in re.findall("/[^`, ]+", row[0])}
    served = {route.path for route in ROUTES}
    assert [path for path in sorted(served) if not any(fnmatch(path.rstrip("/"), group) for group in groups)] == []
    assert [group for group in sorted(groups) if not any(fnmatch(path, group) for path in served)] == []


def test_endpoints(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    """The table of endpoints is the template's routes and the two paths that only `$default` can take."""
    api = make_api(monkeypatch, api_store, api_docs=True)
    told = {row[0]: row[4] for row in table(ENDPOINTS, "Path")}
    routed = {route.path for route in TEMPLATE.routes if route.path != "$default"}
    assert set(told) == routed | {"/oauth/token/", "/o/token/"}
    for path, what in told.items():
        # A name that one of them has, where the last part of the path is open.
        target = path.replace(ANY_NAME, "start.js")
        answers = {method: api.call(method, target) for method in ("GET", "POST", "DELETE")}
        methods = ("GET", "POST") if "GET or POST" in what else ("GET",) if "(GET)" in what else ("POST",)
        # Two dialects say 200 to everything; `Allow` comes with a wrong method alone.
        refused = {method for method, answer in answers.items() if "allow" in answer.headers}
        assert set(answers) - refused == set(methods), path
        assert {answers[method].status for method in refused} <= {200, 405}, path
        assert 404 not in {answer.status for answer in answers.values()}, path


@pytest.mark.security("F33")
def test_reasons() -> None:
    """The table of reasons is what the code may send."""
    told = [(row[0], row[1]) for row in table(WIRE_CONTRACT, "`reason`")]
    assert told == [(reason, error) for error, reasons in REASONS.items() for reason in sorted(reasons)]


def test_wire_contract_has_every_path() -> None:
    """docs/api.md speaks of every path that is served, besides its table of endpoints."""
    page = WIRE_CONTRACT.replace(ENDPOINTS, "")
    served = {route.path for route in ROUTES}
    assert [path for path in sorted(served) if f"{path.removesuffix('/')}`" not in page] == []


@pytest.mark.security("F6", "F8")
def test_wire_contract_has_what_each_route_needs() -> None:
    """The table of docs/api.md is what the routes state, and whether a temporary token will do."""
    told = {row[0]: (row[2], row[3]) for row in table(ENDPOINTS, "Path")}
    assert told == {
        route.path: ("–", "–") if route.needs == "none" else (route.needs, "no" if route.changes else "yes")
        for route in ROUTES
    }


def test_seed_example(tmp_path: Path) -> None:
    """The example of a seed is one, uses every field, and its people can log in."""
    example = SEED.partition("```json\n")[2].partition("```")[0]
    path = tmp_path / "seed.json"
    path.write_text(example, "utf-8")
    wanted = seed.load(str(path))
    services = bootstrap.build(settings(), MemoryStore())
    seed.apply(wanted, services)
    seed.apply(wanted, services)

    content = json.loads(example)
    for kind, model in (("clients", ClientEntry), ("roles", seed.SeedRole), ("users", seed.SeedUser)):
        assert {field for entry in content[kind] for field in entry} == set(model.model_fields)
    names = [user.username for user in services.store.list_users(10, None).users]
    assert sorted(filter(None, names)) == ["alice", "moved-here", "root"]
    assert len(services.store.directory().roles.names) == 2
    for client in wanted.clients:
        assert services.clients.get_client(client.client_id) is not None


def test_seed_fields() -> None:
    """The table of a seed's fields has each field, in its order, and says which are needed."""
    told = [(row[0], row[1], row[2] == "needed") for row in table(SEED, "Of")]
    models: dict[str, type[BaseModel]] = {"client": ClientEntry, "role": seed.SeedRole, "user": seed.SeedUser}
    fields = {
        (kind, name, field.is_required())
        for kind, model in models.items()
        for name, field in model.model_fields.items()
    }
    assert len(told) == len(fields)
    assert set(told) == fields


def test_deploy_environments() -> None:
    """What SAM is told to use in a page stands in samconfig.toml."""
    known = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    named = {name for page in PAGES for name in re.findall(r"--config-env (\w+)", page.read_text("utf-8"))}
    assert {"dev", "prod", "arm64"} <= named <= set(known)


def test_make_targets() -> None:
    """Every `make` target that a page names is one."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = {
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"(?:^|`|=\S* )make ([a-z][a-z0-9-]*)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert ("README.md", "run") in named
    assert [(page, target) for page, target in sorted(named) if f"\n{target}:" not in makefile] == []


def test_decisions_are_numbered_from_one_on() -> None:
    """No two have one number, and each page's heading has the number of its name."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    assert [page.read_text("utf-8").partition(".")[0] for page in pages] == [f"# {number}" for number in numbers]
