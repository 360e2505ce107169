"""Records typed on the command line."""

from typing import Any

import pytest

from infra.publishing.arguments import completed, data_of, from_words
from infra.publishing.errors import NotTyped, RecordRefused
from infra.publishing.records import JsonItem, WordsItem
from schemas.avro import schema_of
from schemas.events.recordings import RecordingImported
from schemas.events.tcs import TcsEvent
from schemas.fitting import DoesNotFit

TCS = schema_of(TcsEvent)


def test_json_objects_are_records_and_words_are_one() -> None:
    assert list(from_words(['{"a":1}', ' {"a":2}'])) == [
        JsonItem("argument 1", {"a": 1}, typed=True),
        JsonItem("argument 2", {"a": 2}, typed=True),
    ]
    assert list(from_words(["a=1", "b={}"])) == [WordsItem("arguments", ("a=1", "b={}"))]


@pytest.mark.parametrize("words", [["night.json"], ["a=1", "b"], ["a=1", '{"b":2}'], ["a=1", "-"]])
def test_what_is_neither_is_refused(words: list[str]) -> None:
    with pytest.raises(NotTyped, match="FIELD=VALUE"):
        list(from_words(words))


def test_bad_json_names_its_argument() -> None:
    with pytest.raises(RecordRefused, match="argument 2: not JSON"):
        list(from_words(['{"a":1}', '{"a":']))


@pytest.mark.parametrize(
    ("word", "data"),
    [
        ("system=pas", {"system": "pas"}),
        ("system=12", {"system": "12"}),
        ('system="12"', {"system": "12"}),
        ("system=a=b", {"system": "a=b"}),
        ("system=", {"system": ""}),
        ("more_data=true", {"more_data": True}),
        ("data_time=17", {"data_time": 17}),
        ("data_time=2458076.25", {"data_time": "2458076.25"}),
        ("data_time=2026-11-20T03:14:15Z", {"data_time": "2026-11-20T03:14:15Z"}),
        ("values.ra=10.5", {"values": {"ra": 10.5}}),
        ("values.pas.ra=[1,2]", {"values": {"pas.ra": [1, 2]}}),
        ("values.name=abc", {"values": {"name": "abc"}}),
        ("values.none=null", {"values": {"none": None}}),
        ('values={"a":1}', {"values": {"a": 1}}),
        ("original_text.ra=10.50", {"original_text": {"ra": "10.50"}}),
        ("unknown.ra=1", {"unknown.ra": 1}),
    ],
)
def test_a_word_sets_a_field(word: str, data: dict[str, Any]) -> None:
    assert data_of([word], TCS) == data


def test_words_that_contradict_each_other() -> None:
    assert data_of(['values={"a":1}', "values.b=2"], TCS) == {"values": {"a": 1, "b": 2}}
    with pytest.raises(DoesNotFit, match=r"field values: \[1\] is not an object"):
        data_of(["values=[1]", "values.b=2"], TCS)


def test_only_what_can_be_known_is_filled_in() -> None:
    assert completed({"wire_time": 5}, TCS, 7) == {
        "data_time": 7,
        "wire_time": 5,
        "values": {},
        "original_text": {},
    }
    assert completed({}, schema_of(RecordingImported), 7) == {"time": 7}, "first_time is no now"


def test_an_array_is_its_items_as_in_a_file() -> None:
    assert list(from_words(["[]"])) == []
    items = list(from_words(['[{"a":1},{"a":2}]', '{"a":3}']))
    assert items == [
        JsonItem("argument 1", {"a": 1}, typed=True),
        JsonItem("argument 1", {"a": 2}, typed=True),
        JsonItem("argument 2", {"a": 3}, typed=True),
    ]


def test_a_field_is_given_once() -> None:
    with pytest.raises(NotTyped, match="'system=z' gives system a second time"):
        list(from_words(["system=a", "values.x=1", "system=z"]))
