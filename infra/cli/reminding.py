"""How to start an orchestrator, said once to who waits for one."""

import typer


class Reminder:
    """Says once how to start an orchestrator, where none answers for too long."""

    def __init__(self, namespace: str, patience: float) -> None:
        self._namespace, self._patience = namespace.rstrip("."), patience
        self._said = False

    def __call__(self, waited: float) -> None:
        if waited > self._patience and not self._said:
            self._said = True
            typer.echo(
                "evctl: no orchestrator answers, and the telescope waits for one: "
                f"`evctl --namespace {self._namespace} run orchestrator` starts it.",
                err=True,
            )
