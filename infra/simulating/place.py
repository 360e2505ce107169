"""Where a simulated night goes: a namespace of its own, `sim.ID.`."""

import consumers
from infra.namespaces import in_words, is_rehearsed, of_simulation, replay_of, simulation_of
from schemas.errors import EvctlError


class NoPlaceForSimulation(EvctlError):
    """A simulation is asked for where times of another kind are."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"A simulated telescope does not speak in {in_words(namespace)}: it has a namespace of "
            "its own. Leave --namespace out, or give the site's; --id names the simulation."
        )
        self.namespace = namespace


class SimulationTaken(EvctlError):
    """Another night was simulated under the same id."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, namespace: str, there: str) -> None:
        super().__init__(
            f"Another night is in {in_words(namespace)} already ({there}): one of other words, "
            "seed, shots or faults. Give another --id, or the words of before to go on with it."
        )
        self.namespace, self.there = namespace, there


def place(namespace: str, simulation: str) -> str:
    """Return the namespace of a simulation at a site's.

    Raises `NotAnId`, and `NoPlaceForSimulation` in a replay, a rehearsal with a mocked
    time, or another simulation.
    """
    own = of_simulation("", simulation)
    if namespace.endswith(own) and simulation_of(namespace.removesuffix(own)) is None:
        namespace = namespace.removesuffix(own)
    others = (replay_of(namespace), simulation_of(namespace))
    if is_rehearsed(namespace) or any(found is not None for found in others):
        raise NoPlaceForSimulation(namespace)
    return f"{namespace}{own}"


class PlayedBySimulation(EvctlError):
    """A worker is run where the simulated telescope answers in its stead."""

    exit_code = 78

    def __init__(self, worker: str, namespace: str) -> None:
        super().__init__(
            f"The worker {worker} touches the world, and does not in {in_words(namespace)}: there "
            "the simulated telescope answers what is asked of it."
        )
        self.worker, self.namespace = worker, namespace


def refuse_worker(name: str, namespace: str) -> None:
    """Raise `PlayedBySimulation` for a worker, not a service, in a simulation's namespace."""
    if simulation_of(namespace) is not None and name not in consumers.services():
        raise PlayedBySimulation(name, namespace)
