import pytest
import yaml
from toy_service.events import CONTRACT

from chassis import asyncapi


@pytest.fixture
def document():
    return yaml.safe_load(asyncapi.render(asyncapi.document([CONTRACT])))


def test_every_event_has_a_channel_a_message_and_a_sender(document):
    names = ["rumour_spread", "thing_lost", "thing_made"]
    assert list(document["channels"]) == [f"toy.{name}" for name in names]
    assert list(document["components"]["messages"]) == [f"toy.{name}" for name in names]
    channel = document["channels"]["toy.thing_made"]
    assert channel["address"] == "thing_made"
    assert channel["bindings"]["amqp"]["exchange"]["name"] == "toy.events"
    actions = {name: each["action"] for name, each in document["operations"].items()}
    assert actions["toy.sends.thing_made"] == "send"
    assert actions["toy.receives.toy.thing_made"] == "receive"


def test_data_is_described_from_the_schema(document):
    schemas = document["components"]["schemas"]
    assert schemas["toy.Thing"] == {
        "type": "object",
        "description": "A thing.",
        "properties": {
            "number": {"type": "integer"},
            "label": {"type": "string", "minLength": 0, "maxLength": 20},
            "kind": {"oneOf": [{"type": "string", "enum": ["round", "square"]}, {"type": "null"}]},
            "made_at": {"type": ["string", "null"], "format": "date-time"},
            "parts": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/toy.Part"},
                "maxItems": 3,
            },
            "first_part": {"oneOf": [{"$ref": "#/components/schemas/toy.Part"}, {"type": "null"}]},
        },
        "required": ["number"],
    }
    assert schemas["toy.Part"]["properties"]["size"]["maximum"] == 9


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(document):
    found = set(references(document))
    assert found
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_check_passes_on_what_was_written_and_on_nothing_else(tmp_path, capsys):
    path = tmp_path / "asyncapi.yaml"
    assert asyncapi.main(["--check", str(path), "toy_service"]) == 1
    assert asyncapi.main([str(path), "toy_service"]) == 0
    assert asyncapi.main(["--check", str(path), "toy_service"]) == 0
    path.write_text(path.read_text().replace("A thing was made.", "Changed."))
    capsys.readouterr()
    assert asyncapi.main(["--check", str(path), "toy_service"]) == 1
    assert "-    summary: Changed." in capsys.readouterr().err


def test_without_a_package_it_says_how_to_use_it(capsys):
    assert asyncapi.main(["file"]) == 2
    assert "usage" in capsys.readouterr().err
