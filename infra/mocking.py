"""`dates.mock_time`: another time for those who decide, in a namespace of its own.

Only ticks carry it, beside their true time. A namespace has one mocked time for good: what is added
to the true time is fixed when its first clock starts, and every later clock goes on with it. So a
spare clock says the same, and the time that passes between two events is the true one.
"""

from dataclasses import dataclass

from infra.namespaces import in_words, mock_of, replay_of, simulation_of
from infra.settings import Settings
from schemas import utc
from schemas.errors import EvctlError
from schemas.events.ticks import TimePassed


class MockTimeRefused(EvctlError):
    """A mocked time is asked for where it could get among true ones."""

    exit_code = 78

    def __init__(self, mock_time: str, namespace: str) -> None:
        super().__init__(
            f"dates.mock_time is {mock_time}, and {in_words(namespace)} is no place for it, since "
            "what is recorded there stays: give a namespace of its own, such as --namespace "
            f"{namespace}mock.first, or comment dates.mock_time out."
        )
        self.mock_time, self.namespace = mock_time, namespace


class MockTimeMissing(EvctlError):
    """A clock is to run where time is mocked, and nobody says from when on."""

    exit_code = 78

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"Time is mocked in {in_words(namespace)}, and dates.mock_time is not set: set it, or "
            "give another namespace."
        )
        self.namespace = namespace


class MockTimeTaken(EvctlError):
    """The namespace has another mocked time already."""

    exit_code = 73

    def __init__(self, namespace: str, there: int, asked: int) -> None:
        super().__init__(
            f"The mocked time of {in_words(namespace)} began with {utc.iso(there)} and goes on "
            f"from there: give another namespace for {utc.iso(asked)}."
        )
        self.namespace, self.there, self.asked = namespace, there, asked


class ReplayHasItsClock(EvctlError):
    """A clock is to run in a replay."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"In {in_words(namespace)} time passes by what the replay carries: no clock runs there."
        )
        self.namespace = namespace


class SimulationHasItsClock(EvctlError):
    """A clock is to run, or time to be mocked, where it is simulated."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"In {in_words(namespace)} time passes by what the simulated telescope says: no other "
            "clock runs there, and dates.mock_time counts for nothing."
        )
        self.namespace = namespace


@dataclass(frozen=True, slots=True)
class Mock:
    """A mocked time: what it began with, and what is to be added to the true time for it (µs)."""

    mock_time: int
    shift: int

    def at(self, time: int) -> int:
        """Return the mocked time at a true one."""
        return time + self.shift

    def tick(self, time: int) -> TimePassed:
        """Return the tick of a true time."""
        return TimePassed(time, self.at(time), self.mock_time)


def mock_of_tick(tick: TimePassed | None) -> Mock | None:
    """Return the mocked time that a tick tells of."""
    if tick is None or tick.mocked is None:
        return None
    mock_time = tick.mocked if tick.mock_time is None else tick.mock_time
    return Mock(mock_time, tick.mocked - tick.time)


def unheeded(site: Settings) -> str | None:
    """Say why a mocked time that is set counts for nothing; none if it does, or none is set."""
    namespace, mock_time = site.log.namespace, site.dates.mock_time
    if mock_time is None or mock_of(namespace) is not None:
        return None
    if replay_of(namespace) is None and simulation_of(namespace) is not None:
        return str(SimulationHasItsClock(namespace))
    if replay_of(namespace) is None:
        return str(MockTimeRefused(mock_time, namespace))
    return overruled(namespace, mock_time)


def overruled(namespace: str, mock_time: str) -> str:
    """Say that a mocked time counts for nothing in a replay's namespace."""
    return (
        f"In {in_words(namespace)} the replay's clock rules: dates.mock_time ({mock_time}) counts "
        "for nothing there."
    )


def counts(site: Settings, *, ticks: bool) -> bool:
    """Whether `dates.mock_time` counts for a command that decides or, with `ticks`, is a clock.

    Raises `MockTimeRefused`, `MockTimeMissing`, `ReplayHasItsClock`, `SimulationHasItsClock` where
    the command may not run.
    """
    namespace, mock_time = site.log.namespace, site.dates.mock_time
    if replay_of(namespace) is not None:
        if ticks:
            raise ReplayHasItsClock(namespace)
        return False
    if simulation_of(namespace) is not None:
        if ticks:
            raise SimulationHasItsClock(namespace)
        return False
    if mock_time is None:
        if ticks and mock_of(namespace) is not None:
            raise MockTimeMissing(namespace)
        return False
    if mock_of(namespace) is None:
        raise MockTimeRefused(mock_time, namespace)
    return True
