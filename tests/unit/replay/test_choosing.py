"""Which records go on, by the names of topics and events."""

from typing import Any, cast

import pytest

from infra.log.reading import Message
from infra.replay.choosing import Choice, NotAPattern
from infra.replay.kept import Kept
from schemas.topics import UnknownTopic

NAMES = ["tcs.root.ra_dec", "tcs.root.azimuth", "pas.Guider1.seeing", "virus.lamp.state", None]


def message(name: str | None, topic: str = "het.observatory") -> Message:
    key = None if name is None else name.encode()
    return cast("Message", Kept((topic, 0, 0, key, b"", 1, [])))


def chosen(only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> list[Any]:
    messages = Choice(only, without).chosen([message(name) for name in NAMES])
    return [None if (key := m.key()) is None else key.decode() for m in messages]


@pytest.mark.parametrize(
    ("only", "without", "kept"),
    [
        ((), (), NAMES),
        (("tcs.root.ra_dec",), (), NAMES[:1]),
        (("tcs.*", "virus.lamp.state"), (), [*NAMES[:2], NAMES[3]]),
        (("re:root|lamp",), (), [*NAMES[:2], NAMES[3]]),
        (("re:^root",), (), []),
        (("tcs.*",), ("*.azimuth",), NAMES[:1]),
        ((), ("tcs.*",), NAMES[2:]),
        ((), ("re:.",), NAMES[4:]),
        (("observatory",), ("re:^tcs",), NAMES[2:]),
        (("alerts", "pas.Guider1.seeing"), (), NAMES[2:3]),
    ],
)
def test_events_are_chosen_by_name_glob_and_expression(
    only: tuple[str, ...], without: tuple[str, ...], kept: list[Any]
) -> None:
    assert chosen(only, without) == kept
    assert chosen(only, without) == chosen((*only, *only), without)


@pytest.mark.parametrize(
    ("only", "without", "takes"),
    [
        ((), (), [True, True]),
        (("alerts",), (), [False, True]),
        (("tcs.root.ra_dec",), (), [True, False]),
        (("observatory",), (), [True, False]),
        ((), ("observatory",), [False, True]),
        ((), ("a*",), [True, False]),
    ],
)
def test_topics_are_read_where_something_of_them_may_go_on(
    only: tuple[str, ...], without: tuple[str, ...], takes: list[bool]
) -> None:
    choice = Choice(only, without)
    assert [choice.takes("het.observatory"), choice.takes("het.alerts")] == takes


def test_keys_of_another_topic_are_no_names_of_events() -> None:
    choice = Choice(("tcs.root.ra_dec", "alerts"))
    foreign = [message(name, "het.alerts") for name in (None, "tcs.root.azimuth")]
    assert choice.chosen([message(None), message("tcs.root.azimuth"), *foreign]) == foreign


def test_a_pattern_that_nothing_fits_is_told() -> None:
    choice = Choice(("tcs.root.ra_dec", "tcs.rot.*"), ("re:lamps$",))
    choice.chosen([message(name) for name in NAMES])
    assert choice.unmet() == ["tcs.rot.*", "re:lamps$"]
    assert str(choice) == "only tcs.root.ra_dec, tcs.rot.*, without re:lamps$"


def test_a_name_that_can_be_none_is_refused() -> None:
    with pytest.raises(UnknownTopic, match="did you mean 'observatory'"):
        Choice(("observatry",))
    with pytest.raises(NotAPattern, match="no regular expression behind re:"):
        Choice((), ("re:(",))
