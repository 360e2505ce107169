"""What the global options say, and the settings that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from infra.settings import Loaded, Settings


@dataclass
class Invocation:
    """One run of evctl: the global options given, and its settings, read when first asked for."""

    site_file: Path | None = None
    overlay: Path | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    debug: bool = False

    @cached_property
    def loaded(self) -> "Loaded":
        from infra.settings import load  # noqa: PLC0415 costs more than --help may

        found = load(self.site_file, self.overlay, self.options)
        for warning in found.warnings:
            typer.echo(f"evctl: warning: {warning}", err=True)
        return found


def invocation(ctx: typer.Context) -> Invocation:
    """Return this run of evctl; a command called without the shell has the default options."""
    root = ctx.find_root()
    if not isinstance(root.obj, Invocation):
        root.obj = Invocation()
    return root.obj


def lay_over(ctx: typer.Context, options: Mapping[str, object]) -> None:
    """Let a command's own options lie over the settings, as the global ones do, where given.

    It has to come before the settings are asked for; what is wrong in them is `SettingsError`.
    """
    run = invocation(ctx)
    run.options = {**run.options, **{name: value for name, value in options.items() if value}}


def loaded(ctx: typer.Context) -> "Loaded":
    """Return the settings with the origin of each value; raises `SettingsError`."""
    return invocation(ctx).loaded


def settings(ctx: typer.Context) -> "Settings":
    """Return the effective settings of this run; raises `SettingsError`."""
    return loaded(ctx).settings
