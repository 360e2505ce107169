"""What the orchestrator says, and what people say to it.

People ask in three steps: `OrchestratorAsked`, `OrchestratorAnswered`, and, once they have an
answer in time that agrees, the record that makes it so (`AllowanceChanged`, `OptionChanged`).
Whoever got none never says the third, so that nothing is carried out later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Holds, Micros, Unit, event

PRESENCE, ALLOWANCE, OPTION = "presence", "allowance", "option"
"""What the orchestrator can be asked about."""


@event(REPORTED)
class OrchestratorStarted:
    """An instance of the orchestrator began to decide."""

    time: Micros
    recovery: Annotated[
        bool,
        Doc("the one before had not ended by itself: its state goes on; false: shots not allowed"),
    ]


@event(REPORTED)
class OrchestratorStopped:
    """The orchestrator was asked to end, and did; a shot under way is not ended by that."""

    time: Micros
    shot: Annotated[str, Doc("id of the shot that runs on; empty: none")]


@event(REPORTED)
class OrchestratorAsked:
    """Somebody asks the orchestrator whether it is there, and whether it agrees."""

    time: Micros
    token: Annotated[str, Doc("identity of the question; the answer has it")]
    about: Annotated[str, Doc("presence, allowance or option")]
    wish: Annotated[str, Doc("start, stop, or SECTION.OPTION=VALUE; empty for presence")]
    who: str
    valid_until: Annotated[Micros, Doc("an answer after that finds nobody")]


@event(DECIDED)
class OrchestratorAnswered:
    """The orchestrator is there, and agrees or not."""

    time: Micros
    token: str
    agrees: bool
    reason: Annotated[str, Doc("why it does not agree, or how things stand")]


@event(REPORTED)
class AllowanceChanged:
    """Shots are allowed from here on, or not any more; a running one goes on."""

    time: Micros
    token: str
    allowed: bool
    who: str

    @property
    def holds(self) -> Holds:
        """It holds until the next."""
        return "allowance", ()


@event(REPORTED)
class OptionChanged:
    """An option of the orchestrator has another value, until it is started anew."""

    time: Micros
    token: str
    section: str
    option: str
    value: str
    who: str

    @property
    def holds(self) -> Holds:
        """It holds until the next of the same option."""
        return f"option {self.section}.{self.option}", ()


@event(DECIDED)
class StateChanged:
    """A state machine of the orchestrator went from one state to another."""

    time: Micros
    machine: Annotated[str, Doc("run_shot, metrology, hetdex_allowed, tcs or meta")]
    transition: str
    old: str
    new: str
    reason: str

    @property
    def holds(self) -> Holds:
        """A machine's state holds until it changes."""
        return f"state of {self.machine}", ()


@event(DECIDED)
class StatesReported:
    """How all state machines stand, at each heartbeat of TCS."""

    time: Micros
    states: Annotated[Mapping[str, str], Doc("state by machine")]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the orchestrator knew of the sky and the telescope when it decided."""

    now: Annotated[Micros, Doc("the present for deciders, mocked time included")]
    seeing: Annotated[float | None, Unit("arcsec"), Doc("median over the window")]
    transparency: Annotated[float | None, Doc("0 to 1, median over the window")]
    sky_brightness: Annotated[float | None, Unit("mag arcsec-2"), Doc("median over the window")]
    measurements: Annotated[int, Doc("of the guiders, in the window")]
    newest: Annotated[Micros | None, Doc("time of the newest measurement")]
    azimuth: Annotated[float | None, Unit("deg"), Doc("of the structure")]
    heartbeat: Annotated[Micros | None, Doc("time of the last heartbeat of TCS")]
    states: Annotated[Mapping[str, str], Doc("state by machine")]
    time: Annotated[Micros, Doc("true time of the decision")]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said."""

    rule: str
    passed: bool
    said: Annotated[str, Doc("the rule's finding, with the values and limits")]


@event(DECIDED)
class ShotChosen:
    """The orchestrator chose a shot, and why."""

    time: Micros
    shotid: str
    track: Annotated[int, Doc("0 east, 1 west")]
    azimuth: Annotated[float, Unit("deg")]
    window_start: Micros
    window_end: Micros
    would_have: Annotated[bool, Doc("it only listens: nothing is asked of the telescope")]
    scheduler: Annotated[str, Doc("builtin or external")]
    conditions: Conditions
    verdicts: Sequence[Verdict]
    visits: Annotated[Mapping[str, int], Doc("visits done so far, by shot; none: 0")]
    left_alone: Annotated[Sequence[str], Doc("shots that failed a short while ago")]
    shot_list: Annotated[str, Doc("digest of the list that it was chosen from")]
    settings: Annotated[Mapping[str, str], Doc("in force, by name, those sent included")]
    causes: Annotated[Mapping[str, int], Doc("offset in the input of what it rests on, by name")]


@event(DECIDED)
class ShotWithheld:
    """No shot was chosen though one could have been, and why; told when the reason changes."""

    time: Micros
    would_have: Annotated[bool, Doc("it only listens")]
    reason: Annotated[str, Doc("in a sentence")]
    rules: Annotated[Sequence[str], Doc("rules that were not kept")]
    conditions: Conditions
    verdicts: Sequence[Verdict]
    visits: Annotated[Mapping[str, int], Doc("visits done so far, by shot; none: 0")]
    left_alone: Annotated[Sequence[str], Doc("shots that failed a short while ago")]
    shot_list: Annotated[str, Doc("digest of the list; empty: none is loaded")]
    settings: Annotated[Mapping[str, str], Doc("in force, by name, those sent included")]
    causes: Annotated[Mapping[str, int], Doc("offset in the input of what it rests on, by name")]
