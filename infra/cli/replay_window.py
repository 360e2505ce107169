"""What `evctl replay` plays: the options for it."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.topics import OBSERVATORY, RECORDED

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="Recordings to play as they are, in turn, without importing them: what `evctl "
        "import` reads.",
        show_default=False,
    ),
]
Nights = Annotated[
    list[str] | None,
    typer.Option(
        "--night",
        metavar="DATE",
        help="The date that names a night; may be given again: nights are played in turn.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="Event time to begin at, such as 2026-11-20T03:00 (UTC)."
    ),
]
End = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Event time to end before (UTC).")
]
StartEvent = Annotated[
    str | None,
    typer.Option(
        "--from-event",
        metavar="EVENT",
        help="Begin with the first event of this name or key, and of these values: 'NAME "
        "FIELD=VALUE…', such as 'ocd.run_shot.run shotid=0042 obs_number=3'.",
    ),
]
EndEvent = Annotated[
    str | None,
    typer.Option("--until-event", metavar="EVENT", help="End before the first such event."),
]
First = Annotated[
    int | None,
    typer.Option(
        "--from-offset", metavar="N", min=0, help=f"Offset of {OBSERVATORY.name} to begin at."
    ),
]
Last = Annotated[
    int | None,
    typer.Option("--until-offset", metavar="N", min=0, help="Offset to end before."),
]
Everything = Annotated[bool, typer.Option("--all", help="Everything that was recorded.")]
Duration = Annotated[
    str | None,
    typer.Option(
        metavar="SPAN", help="So much event time of each night or FILE: seconds, 90s, 1h30m."
    ),
]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "-T",
        "--topics",
        metavar="PATTERN…",
        help="Only these: names or globs of events (system.source.key) or Kafka topics, or "
        "regular expressions behind re:.",
        show_default=", ".join(topic.name for topic in RECORDED),
    ),
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="PATTERN…", help="Without these.")]
Renamed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OLD=NEW",
        help="Another name for TCS events of a name, or for a Kafka topic; may be given again.",
    ),
]
Order = Annotated[
    str | None,
    typer.Option(
        "-S",
        "--sort-by",
        metavar="none|data-time|wire-time",
        help="Order of the events; none is the file's own, or the log's.",
        show_default="wire-time for a FILE, none for the log",
    ),
]
NumbersAsText = Annotated[
    bool,
    typer.Option("--no-convert-number", help="Leave text of a FILE that is a number as text."),
]
BooleansAsText = Annotated[
    bool,
    typer.Option("--no-convert-bool", help="Leave the texts true and false of a FILE as text."),
]
AllowHoles = Annotated[
    bool,
    typer.Option("--allow-holes", help="Play what the log still has of the window."),
]
State = Annotated[
    bool | None,
    typer.Option(
        "--state/--no-state",
        help="Send first what holds where it begins: the last known values.",
        show_default="where a seek leads, and for times, offsets and events",
    ),
]
