"""Three published versions of an event: each program reads the records of every other."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas.events
from schemas import avro, catalogue
from schemas.avro import NotAvro, schema_of
from schemas.compatibility import faults
from schemas.declare import REPORTED, Micros, Widened, event
from schemas.fitting import event_from, fit
from schemas.language import NotPublished
from schemas.upcasting import Upcaster
from tests.unit.schemas.arbitrary import data_of
from tests.unit.schemas.three_versions import PAIRS, POINTED, SKY, VERSIONS, program

SKY_1, SKY_2, SKY_3 = SKY
POINTED_1, POINTED_2, POINTED_3 = POINTED


def read(reader: int, record: Any) -> Any:
    """Return a record as the program of a version reads it."""
    language = program(reader)
    written: type = type(record)
    cls = language.classes[written.__name__]
    return language.reader(schema_of(written), cls)(avro.writer(written)(record), 0)


def test_all_three_versions_are_compatible() -> None:
    for version in VERSIONS:
        language = program(version)
        assert [list(faults(language, name)) for name in language.classes] == [[], []]


def test_old_nights_are_read_with_new_code() -> None:
    old = SKY_1(7, 21.5, 1234, "moon behind the dome")

    assert read(2, old) == SKY_2(7, 21.5, 1234, "moon behind the dome", "V", None)
    assert repr(read(3, old)) == repr(SKY_3(7, 21.5, 1234.0, "V"))
    assert repr(read(3, SKY_2(7, 21.5, 2, "", "B", True))) == repr(SKY_3(7, 21.5, 2.0, "B"))


def test_new_records_are_read_with_old_code() -> None:
    new = SKY_3(7, 21.5, 1233.6, "B")

    assert repr(read(1, new)) == repr(SKY_1(7, 21.5, 1234, "none"))
    assert repr(read(2, new)) == repr(SKY_2(7, 21.5, 1234, "none", "B", None))
    assert read(1, SKY_2(7, 21.5, 3, "x", "B", True)) == SKY_1(7, 21.5, 3, "x")


@pytest.mark.parametrize("kind", [SKY, POINTED], ids=["sky", "pointed"])
@pytest.mark.parametrize(("reader", "writer"), PAIRS)
@given(data=st.data())
def test_whatever_a_version_writes_another_reads_or_says_which_field_it_can_not(
    reader: int, writer: int, kind: tuple[Any, ...], data: st.DataObject
) -> None:
    cls = kind[writer - 1]
    record = cls(**data.draw(data_of(schema_of(cls))))

    try:
        found = read(reader, record)
    except NotAvro as fault:
        refused = str(fault)
    else:
        refused = ""
    if refused:
        assert re.search("field stars: |upcaster", refused)
        return
    assert isinstance(found, kind[reader - 1])
    assert found.time == record.time
    assert repr(fit(schema_of(kind[reader - 1]), fields_of(found))) == repr(fields_of(found))


def fields_of(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


@pytest.mark.parametrize("stars", [float("nan"), float("inf"), 1e300])
def test_a_double_that_is_no_whole_number_is_an_error_that_names_the_field(stars: float) -> None:
    with pytest.raises(NotAvro, match=r"evctl\.SkyMeasured: field stars: .* is no whole number"):
        read(1, SKY_3(7, 21.5, stars, "B"))


def test_what_may_be_none_is_widened_too() -> None:
    def seen(hint: Any) -> Any:
        return event(REPORTED)(type("Seen", (), {"__annotations__": {"t": Micros, "n": hint}}))

    before, after = seen(int | None), seen(Annotated[float | None, Widened(int)])

    for written, expected in [(2.5, 2), (3.5, 4), (None, None)]:
        data = avro.writer(after)(after(7, written))
        assert avro.reader(schema_of(after), before)(data, 0) == before(7, expected)
    data = avro.writer(before)(before(7, 3))
    assert repr(avro.reader(schema_of(before), after)(data, 0)) == repr(after(7, 3.0))


# Upcasters


def test_an_upcaster_makes_the_next_version_and_avro_goes_on_from_there() -> None:
    assert read(2, POINTED_1(7, "10.5 -3")) == POINTED_2(7, 10.5, -3.0)
    assert read(3, POINTED_1(7, "10.5 -3")) == POINTED_3(7, 10.5, -3.0, settled=True)
    assert read(3, POINTED_2(7, 1.0, 2.0)) == POINTED_3(7, 1.0, 2.0, settled=True)


def test_a_program_without_the_upcaster_reads_the_default() -> None:
    assert read(1, POINTED_3(7, 10.5, -3.0, settled=True)) == POINTED_1(7, "0 0")


def test_an_upcaster_is_found_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "found_by_a_test.py").write_text(
        "from schemas.events.ticks import TimePassed\n"
        "from schemas.upcasting import upcaster\n"
        "@upcaster(TimePassed, version=1)\n"
        "def later(fields):\n"
        "    return fields\n"
    )
    monkeypatch.setattr(schemas.events, "__path__", [*schemas.events.__path__, str(tmp_path)])

    found = catalogue.upcasters.__wrapped__()

    assert ("TimePassed", 1) in [(each.event, each.version) for each in found]
    del sys.modules["schemas.events.found_by_a_test"]


def test_upcasters_follow_one_another() -> None:
    def settled(fields: Mapping[str, Any]) -> Mapping[str, Any]:
        place = {"right_ascension": fields["ra"], "declination": fields["dec"]}
        return {"time": fields["time"], **place, "settled": False}

    language = program(3)
    language = language._replace(
        upcasters=[*language.upcasters, Upcaster("TelescopePointed", 2, settled)]
    )
    data = avro.writer(POINTED_1)(POINTED_1(7, "10.5 -3"))
    found = language.reader(schema_of(POINTED_1), POINTED_3)(data, 0)
    assert found == POINTED_3(7, 10.5, -3.0, settled=False)


@pytest.mark.parametrize(
    ("place", "told"),
    [("10.5", r"ValueError\('not enough values"), ("x y", "could not convert string to float")],
)
def test_what_an_upcaster_can_not_deal_with_is_the_record_s_fault(place: str, told: str) -> None:
    with pytest.raises(NotAvro, match=rf"TelescopePointed, version 1: its upcaster .*{told}"):
        read(3, POINTED_1(7, place))


def test_what_an_upcaster_makes_has_to_fit_the_next_version() -> None:
    wrong = Upcaster("TelescopePointed", 1, lambda fields: {**fields, "ra": "east"})
    language = program(2)._replace(upcasters=[wrong])
    data = avro.writer(POINTED_1)(POINTED_1(7, "1 2"))

    with pytest.raises(NotAvro, match=r"field place: .* is not a field of TelescopePointed"):
        language.reader(schema_of(POINTED_1), POINTED_2)(data, 0)


def test_a_class_that_is_not_its_newest_version_is_not_registered() -> None:
    language = program(2)

    assert language.published_up_to(SKY_2) == [schema_of(SKY_1), schema_of(SKY_2)]
    with pytest.raises(NotPublished, match="SkyMeasured"):
        language.published_up_to(SKY_3)


# Defaults


def test_any_default_of_a_class_is_that_of_its_schema_and_is_read_where_the_field_lacks() -> None:
    @event(REPORTED)
    class Marked:
        time: Micros

    plain = Marked

    def marked() -> Any:
        @event(REPORTED)
        class Marked:
            """An event with a default of each kind."""

            time: Micros
            text: str = "é"
            count: int = 3
            share: float = 1
            yes: bool = True
            raw: bytes = b"\x00\xff"
            either: int | str | None = "x"
            number: float | None = 2.5
            many: tuple[int, ...] = ()
            nothing: int | None = None

        return Marked

    cls = marked()
    defaults = {field["name"]: field.get("default", "-") for field in schema_of(cls)["fields"]}
    assert defaults == {
        "time": "-",
        "text": "é",
        "count": 3,
        "share": 1.0,
        "yes": True,
        "raw": "\x00\xff",
        "either": "x",
        "number": 2.5,
        "many": [],
        "nothing": None,
    }
    kinds = {field["name"]: field["type"] for field in schema_of(cls)["fields"]}
    assert kinds["either"] == ["string", "null", "long"]
    assert kinds["number"] == ["double", "null"]
    found = avro.reader(schema_of(plain), cls)(avro.writer(plain)(plain(7)), 0)
    assert repr(found) == repr(cls(7, share=1.0, many=[]))
    assert repr(event_from(cls, {"time": 7})) == repr(found)
    assert repr(avro.reader(schema_of(cls), cls)(avro.writer(cls)(found), 0)) == repr(found)


def test_a_default_that_json_can_not_say_is_refused_by_name() -> None:
    @event(REPORTED)
    class Odd:
        """An odd event."""

        time: Micros
        share: float = float("nan")

    with pytest.raises(TypeError, match="share: nan can't be a default"):
        schema_of(Odd)
