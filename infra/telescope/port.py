"""Which telescope a site has."""

from dataclasses import replace
from pathlib import Path

from consumers.shots import Port
from infra.namespaces import in_words, is_rehearsed
from infra.settings import Settings
from infra.telescope.outside import Outside
from infra.telescope.shot_files import ShotFiles
from infra.telescope.simulated import Manner, Simulated
from infra.telescope.syscmd import Syscmd
from schemas.errors import EvctlError

SIMULATED, SYSCMD = "simulated", "syscmd"


class NoTelescope(EvctlError):
    """Shots are to be run, and the site names no telescope for them."""

    exit_code = 78

    def __init__(self) -> None:
        super().__init__(
            f"There is no telescope to run shots with: set telescope.kind to {SIMULATED} or "
            f"{SYSCMD}."
        )


class NothingExposes(EvctlError):
    """A telescope that only points is to expose."""

    exit_code = 78

    def __init__(self) -> None:
        super().__init__(
            f"telescope.kind is {SYSCMD}, which sets the telescope up; set run_shot."
            "exposure_command to the program that makes the exposures."
        )


class NotInRehearsal(EvctlError):
    """A real telescope is to be moved where time is mocked."""

    exit_code = 78

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"In {in_words(namespace)} time is mocked, and telescope.kind is {SYSCMD}, a real one: "
            f"set it to {SIMULATED} there, or give `evctl run shots` --stand-in {SIMULATED}."
        )
        self.namespace = namespace


def port(settings: Settings) -> Port:
    """Return the telescope and the files of the settings.

    Raises `NoTelescope`, `NothingExposes`, `NotInRehearsal`.
    """
    kind, files = settings.telescope.kind, files_of(settings)
    if kind == SYSCMD and is_rehearsed(settings.log.namespace):
        raise NotInRehearsal(settings.log.namespace)
    if kind == SIMULATED:
        return simulated(settings)
    if kind != SYSCMD:
        raise NoTelescope
    outside = _outside(settings, files)
    if outside is None:
        raise NothingExposes
    given = settings.telescope
    return Port(Syscmd(memory_of(settings), given.syscmd, given.command_timeout, outside), files)


def simulated(settings: Settings) -> Port:
    """Return the simulated telescope, whatever the settings say of a real one."""
    files, given = files_of(settings), settings.telescope
    if files.data is None:
        files = replace(files, data=_beside(settings, "fits"))
    manner = Manner(given.time_scale, given.faults, given.seed)
    return Port(Simulated(memory_of(settings), manner, _outside(settings, files)), files)


def files_of(settings: Settings) -> ShotFiles:
    """Return the files of shots as the settings have them."""
    given = settings.run_shot
    return ShotFiles(
        given.shuffle_shot,
        given.shuffle_conf_template,
        given.acam_image_template,
        given.acam_dest_file,
        given.data_dir,
        given.wait_last_write == "yes",
        given.write_timeout,
    )


def memory_of(settings: Settings) -> Path:
    """Return where the telescope of a namespace remembers; each has its own epochs."""
    given = settings.telescope.directory or _beside(settings, "telescope")
    return given / (settings.log.namespace.rstrip(".") or "site")


def _beside(settings: Settings, name: str) -> Path:
    return settings.log.data_dir.parent / name


def _outside(settings: Settings, files: ShotFiles) -> Outside | None:
    given = settings.run_shot
    if not given.exposure_command:
        return None
    probes = given.dither_with_probes == "yes"
    return Outside(given.exposure_command, given.exposure_margin, probes, files)
