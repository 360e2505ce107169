"""Who decides anew in `evctl replay`: the options for it."""

from typing import Annotated

import typer

from infra.cli.deciding import SettingsOf

Services = Annotated[
    bool,
    typer.Option(
        "--services",
        help="Leave decisions out: services that run in the replay's namespace decide anew, "
        "and are compared.",
    ),
]
ClosedLoop = Annotated[
    bool,
    typer.Option(
        "--closed-loop",
        help="With --services: a simulated telescope runs the shots that are chosen anew, and "
        "no heartbeat of TCS is passed before the orchestrator has answered it.",
    ),
]
InForce = Annotated[
    SettingsOf,
    typer.Option(
        "--settings",
        help="With --services: they decide by the settings in force then, or by the site's.",
    ),
]
Patience = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="With --services: how long services that stand still, or have not come, are "
        "waited for at the end.",
    ),
]
AllowDifferences = Annotated[
    bool,
    typer.Option("--allow-differences", help="End with 0 though services decided otherwise."),
]
