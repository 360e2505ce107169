"""Events of three published versions each, and the programs that know one, two or all of them.

`SkyMeasured` grows by what Avro can resolve: a field is added, renamed, widened, retired.
`TelescopePointed` needs an upcaster: version 1 says as text what version 2 says as two numbers.
"""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any

from schemas.avro import schema_of
from schemas.declare import REPORTED, Micros, Unit, Was, Widened, event
from schemas.language import Language
from schemas.published_files import Published
from schemas.upcasting import Upcaster, upcaster


def _sky() -> tuple[Any, Any, Any]:
    def first() -> Any:
        @event(REPORTED)
        class SkyMeasured:
            """The sky's brightness was measured."""

            time: Micros
            brightness: Annotated[float, Unit("mag")]
            stars: int
            remark: str = "none"

        return SkyMeasured

    def second() -> Any:
        @event(REPORTED)
        class SkyMeasured:
            """The sky's brightness was measured."""

            time: Micros
            surface_brightness: Annotated[float, Unit("mag"), Was("brightness")]
            stars: int
            remark: str = "none"
            band: str = "V"
            dark: bool | None = None

        return SkyMeasured

    def third() -> Any:
        @event(REPORTED)
        class SkyMeasured:
            """The sky's brightness was measured."""

            time: Micros
            sky: Annotated[float, Unit("mag"), Was("brightness"), Was("surface_brightness")]
            stars: Annotated[float, Widened(int)]
            band: str = "V"

        return SkyMeasured

    return first(), second(), third()


def _pointing() -> tuple[Any, Any, Any]:
    def first() -> Any:
        @event(REPORTED)
        class TelescopePointed:
            """The telescope points elsewhere."""

            time: Micros
            place: str = "0 0"

        return TelescopePointed

    def second() -> Any:
        @event(REPORTED)
        class TelescopePointed:
            """The telescope points elsewhere."""

            time: Micros
            ra: Annotated[float, Unit("deg")] = 0.0
            dec: Annotated[float, Unit("deg")] = 0.0

        return TelescopePointed

    def third() -> Any:
        @event(REPORTED)
        class TelescopePointed:
            """The telescope points elsewhere."""

            time: Micros
            right_ascension: Annotated[float, Unit("deg"), Was("ra")] = 0.0
            declination: Annotated[float, Unit("deg"), Was("dec")] = 0.0
            settled: bool = True

        return TelescopePointed

    return first(), second(), third()


SKY = _sky()
POINTED = _pointing()
VERSIONS = (1, 2, 3)
PAIRS = [(reader, writer) for reader, writer in product(VERSIONS, VERSIONS) if reader != writer]


@upcaster(POINTED[1], version=1)
def _in_degrees(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 1 has the place as text, `RA DEC` in degrees."""
    ra, dec = map(float, fields["place"].split())
    return {"time": fields["time"], "ra": ra, "dec": dec}


UPCASTER: Upcaster = _in_degrees


def program(version: int, *events: tuple[Any, ...]) -> Language:
    """Return what a program understands that was made when `version` was the newest."""
    kinds = events or (SKY, POINTED)
    classes = {kind[version - 1].__name__: kind[version - 1] for kind in kinds}
    versions = {
        kind[0].__name__: [
            Published(kind[0].__name__, number, schema_of(kind[number - 1]))
            for number in range(1, version + 1)
        ]
        for kind in kinds
    }
    return Language(classes, versions, [UPCASTER] if version > 1 else [])
