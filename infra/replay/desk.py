"""Where commands to a replay come in, and answers go out: its control topic, and its terminal."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from infra import clock
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.replay.commands import parse, text_of
from infra.replay.controls import Command, Quit, Transport
from infra.replay.hearing import ControlTopic
from schemas.errors import EvctlError
from schemas.events.replays import ReplayControlled, ReplayControlRequested


class Keys(Protocol):
    """What gives the commands that keys were pressed for since the last look."""

    def look(self) -> Iterator[Command]: ...


class Order(NamedTuple):
    """A command, or what is wrong with it; `request` is what the answer names, if one waits."""

    command: Command | EvctlError
    text: str
    request: str = ""


class Desk:
    """Takes the orders of one replay, and says on the log how each was carried out.

    So the log has what was done to a replay, whoever did it.
    """

    def __init__(
        self,
        target: Cluster,
        registry: Registry,
        journal: Publisher,
        replay: str,
        keys: Keys | None,
    ) -> None:
        self._journal, self._replay, self._keys = journal, replay, keys
        self._heard = ControlTopic(target, registry)

    def look(self) -> Iterator[Order]:
        """Yield what was asked for since the last look, without waiting."""
        if self._keys is not None:
            for command in self._keys.look():
                yield Order(command, text_of(command))
        yield from self._requests()

    def _requests(self) -> Iterator[Order]:
        for _, event in self._heard.events(0):
            if isinstance(event, ReplayControlRequested):
                yield Order(_parsed(event.command), event.command, event.request)

    def decline(self, why: str, transport: Transport) -> bool:
        """Refuse what others asked for since the last look, but to stop; say whether one did.

        Keys wait.
        """
        ends = False
        for order in self._requests():
            stops = isinstance(order.command, Quit)
            self.answer(order, "" if stops else why, transport, transport.time, 0)
            ends |= stops
        return ends

    def answer(
        self, order: Order, refused: str, transport: Transport, position: int, records: int
    ) -> None:
        """Record how a replay stands after an order: carried out, or refused for a reason."""
        self._journal.publish(
            ReplayControlled(
                time=clock.utc_micros(),
                replay=self._replay,
                request=order.request,
                command=order.text,
                refused=refused,
                paused=transport.paused,
                speed=transport.speed,
                position=position,
                until=transport.until,
                records=records,
            )
        )

    def close(self) -> None:
        """Take no more orders."""
        self._heard.close()


def _parsed(text: str) -> Command | EvctlError:
    try:
        return parse(text)
    except EvctlError as fault:
        return fault
