"""What every section of the settings is, and how lists and words are written in them."""

import shlex

from pydantic import BaseModel, ConfigDict, field_validator


class Section(BaseModel):
    """One section of the site file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object) -> object:
        if isinstance(value, bool):  # YAML's yes and no; no option of the sections is one
            raise ValueError("not a truth value")  # noqa: TRY004 pydantic collects ValueError only
        return value


class WithYesAndNo(Section):
    """A section in which YAML's yes and no are the words they were."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object) -> object:
        return ("no", "yes")[value] if isinstance(value, bool) else value


def command_words(given: object) -> object:
    """Take one text, as a variable or a shell has it, for a command's words."""
    return tuple(shlex.split(given)) if isinstance(given, str) else given
