"""What changed between two versions, in people's words."""

from schemas.avro import schema_of
from schemas.changes import changes
from tests.unit.schemas.three_versions import POINTED, SKY


def said(old: type, new: type) -> list[str]:
    return [f"{field}: {change}" for field, change in changes(schema_of(old), schema_of(new))]


def test_each_field_that_changed_is_told_once() -> None:
    assert said(SKY[0], SKY[1]) == [
        "surface_brightness: was brightness",
        "band: new, str; records of before read as 'V'",
        "dark: new, None | bool; records of before read as None",
    ]
    assert said(SKY[1], SKY[2]) == [
        "sky: was surface_brightness",
        "stars: int became float; programs of before read it rounded",
        "remark: retired; programs of before read 'none'",
        "dark: retired; programs of before read None",
    ]


def test_versions_that_are_not_neighbours_can_be_compared() -> None:
    assert said(SKY[0], SKY[2])[0] == "sky: was brightness"
    assert said(POINTED[0], POINTED[1]) == [
        "ra: new, float in deg; records of before read as 0.0",
        "dec: new, float in deg; records of before read as 0.0",
        "place: retired; programs of before read '0 0'",
    ]


def test_nothing_is_told_of_what_is_the_same() -> None:
    assert said(SKY[0], SKY[0]) == []


def test_units_descriptions_and_order_count() -> None:
    old = {"doc": "Old.", "fields": [field("a", unit="m"), field("b", doc="x"), field("c")]}
    new = {"doc": "New.", "fields": [field("b"), field("a", unit="km"), field("c", default=1)]}

    assert list(changes(old, new)) == [
        ("", "described as 'New.' instead of 'Old.'"),
        ("b", "doc none instead of x"),
        ("a", "unit km instead of m"),
        ("c", "default 1 instead of none"),
        ("", "fields in another order"),
    ]


def field(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "type": "long", **more}
