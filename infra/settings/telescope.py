"""Options of the telescope, and of how a shot is run."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from infra.settings.option import Option
from infra.settings.section import Section, WithYesAndNo, command_words

_YES_NO = Option("modifiable", "", "yes or no")
_SECONDS = Option("static", "s", "a number of seconds above 0, up to 86400")


def _template(text: str) -> str:
    """Refuse what is no template; what a shot's metadata have is known only then."""
    try:
        text.format_map(_AnyName())
    except (ValueError, IndexError, AttributeError, TypeError) as fault:
        raise ValueError("placeholders are {NAME}; {{ and }} are braces") from fault
    return text


class _AnyName(dict[str, int]):
    def __missing__(self, _: str) -> int:
        return 0


Template = Annotated[str, Field(min_length=1), AfterValidator(_template)]


class Telescope(Section):
    """Which telescope the worker `shots` moves."""

    kind: Annotated[
        Literal["none", "simulated", "syscmd"], Option("static", "", "none, simulated or syscmd")
    ] = "none"
    directory: Annotated[Path | None, Option("static", "", "a directory")] = None
    syscmd: Annotated[
        str, Option("static", "", "a program, by name or path"), Field(min_length=1)
    ] = "syscmd"
    command_timeout: Annotated[float, _SECONDS, Field(gt=0, le=86_400)] = 600.0
    time_scale: Annotated[
        float, Option("static", "", "a number above 0, up to 1000000"), Field(gt=0, le=1e6)
    ] = 1.0
    faults: Annotated[
        float, Option("static", "part of all steps", "a number, 0 to 1"), Field(ge=0, le=1)
    ] = 0.0
    seed: Annotated[int, Option("static", "", "a whole number")] = 0


class RunShot(WithYesAndNo):
    """How a shot is run, under OCD's names."""

    dither_with_probes: Annotated[Literal["yes", "no"], _YES_NO] = "no"
    wait_last_write: Annotated[Literal["yes", "no"], _YES_NO] = "yes"
    shuffle_shot: Annotated[Path | None, Option("modifiable", "", "a directory")] = None
    shuffle_conf_template: Annotated[
        Template, Option("modifiable", "", "a path with placeholders, without its ending")
    ] = "HETcommands/{shotid}_{QIFU}_{track_initial}"
    acam_image_template: Annotated[Template, Option("static", "", "a path with placeholders")] = (
        "acam_images/{shotid}_{QIFU}_{track_initial}.jpg"
    )
    acam_dest_file: Annotated[Path | None, Option("modifiable", "", "a file")] = None
    exposure_command: Annotated[
        tuple[Template, ...],
        BeforeValidator(command_words),
        Option("static", "", "a list of a program and its words, with placeholders"),
    ] = ()
    exposure_margin: Annotated[float, _SECONDS, Field(gt=0, le=86_400)] = 300.0
    write_timeout: Annotated[float, _SECONDS, Field(gt=0, le=86_400)] = 60.0
    data_dir: Annotated[Path | None, Option("static", "", "a directory")] = None
