"""docs/openapi.yaml: as the script writes it, valid, and complete."""

from openapi_spec_validator import validate

from tools import write_openapi


def test_the_page_is_up_to_date() -> None:
    """`make openapi` writes what is there."""
    assert write_openapi.PAGE.read_text("utf-8") == write_openapi.text()
    assert write_openapi.DEPLOYED.read_text("utf-8") == write_openapi.json_text()


def test_it_is_an_openapi_document() -> None:
    validate(write_openapi.document())


def test_every_endpoint_is_described_and_nothing_else() -> None:
    assert {route.endpoint for route in write_openapi.routes()} == set(write_openapi.operations())


def test_every_body_has_an_example() -> None:
    """Of every route that takes fields: an example request in one of the forms it may have."""
    bare = [
        path
        for path, methods in write_openapi.document()["paths"].items()
        for said in methods.values()
        if "requestBody" in said
        and not any("examples" in content for content in said["requestBody"]["content"].values())
    ]
    assert bare == []
