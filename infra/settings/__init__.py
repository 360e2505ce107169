"""Settings: one site file over the shipped defaults, checked whole before anything starts.

`load` lays the sources over one another; `docs/reference/settings.md` explains them to users.
"""

from infra.settings.faults import Fault, SettingsError, SiteFileMissing
from infra.settings.loading import VARIABLES, Loaded, load
from infra.settings.model import Settings
from infra.settings.secret import Secret, SecretMissing

__all__ = [
    "VARIABLES",
    "Fault",
    "Loaded",
    "Secret",
    "SecretMissing",
    "Settings",
    "SettingsError",
    "SiteFileMissing",
    "load",
]
