"""Which night an instant belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import utc
from schemas.nights import NamedBy, Nights, NotANight, name_of, number_of, observing_date

HET = Nights(18, NamedBy.END)
RUBIN = Nights(12, NamedBy.START)
DAY = 86_400 * utc.MICROS

sites = st.builds(Nights, st.integers(0, 23), st.sampled_from(NamedBy))
instants = st.integers(utc.parse("0002-01-01"), utc.parse("9998-12-31"))


@given(sites, instants)
def test_an_instant_lies_in_its_night(nights: Nights, time: int) -> None:
    start, end = nights.bounds(nights.name(time))

    assert start <= time < end
    assert end - start == DAY


@given(sites, instants)
def test_a_night_ends_where_the_next_begins(nights: Nights, time: int) -> None:
    _, end = nights.bounds(nights.name(time))

    assert nights.bounds(nights.name(end))[0] == end
    assert nights.number(end) == nights.number(time) + 1


@given(sites, instants)
def test_a_number_and_a_name_are_of_one_night(nights: Nights, time: int) -> None:
    assert name_of(nights.number(time)) == nights.name(time)


@pytest.mark.parametrize(
    ("nights", "instant", "night"),
    [
        (HET, "2017-11-18T17:59:59.999999Z", "2017-11-18"),
        (HET, "2017-11-18T18:00:00Z", "2017-11-19"),
        (HET, "2017-11-19T08:00:00Z", "2017-11-19"),
        (RUBIN, "2023-10-05T11:59:59.999999Z", "2023-10-04"),
        (RUBIN, "2023-10-05T12:00:00Z", "2023-10-05"),
        (HET, "1969-12-31T18:00:00Z", "1970-01-01"),
        (HET, "1969-12-31T17:59:59Z", "1969-12-31"),
        (RUBIN, "1969-12-31T11:59:59Z", "1969-12-30"),
        (HET, "2016-12-31T23:59:60Z", "2017-01-01"),
        (HET, "2024-02-29T20:00:00Z", "2024-03-01"),
    ],
)
def test_the_nights_of_two_observatories(nights: Nights, instant: str, night: str) -> None:
    assert nights.name(utc.parse(instant)) == night


@given(instants, st.integers(0, 23))
def test_an_observing_date_is_the_utc_date_and_in_the_dark_the_night_of_het(
    time: int, hour: int
) -> None:
    assert observing_date(time) == utc.iso(time)[:10]
    dark = time - time % DAY + hour % 13 * 3600 * utc.MICROS
    assert observing_date(dark) == HET.name(dark)


@pytest.mark.parametrize("text", ["", "tonight", "2017-11-31", "20171118", "2017-11-18T18:00"])
def test_what_is_no_date_is_no_night(text: str) -> None:
    with pytest.raises(NotANight, match="nights are dates such as"):
        HET.bounds(text)


@given(sites, st.integers(-(2**63), 2**63 - 1))
def test_every_instant_has_a_night_with_a_name(nights: Nights, time: int) -> None:
    """The first one or the last one, where no calendar has the instant."""
    name = nights.name(time)

    assert number_of(name) == nights.number(time)
    assert nights.name(min(time, utc.FIRST - 1)) == "0001-01-01"
    assert nights.name(max(time, utc.LAST + DAY)) == "9999-12-31"
