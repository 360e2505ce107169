"""What every section of the settings is, and how lists and words are written in them."""

import shlex

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """One section of the site file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        is_truth = cls.model_fields[info.field_name or ""].annotation is bool
        if isinstance(value, bool) and not is_truth:  # YAML's yes and no
            raise ValueError("not a truth value")
        return value


class WithYesAndNo(Section):
    """A section in which YAML's yes and no are the words they were."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object, info: ValidationInfo) -> object:  # noqa: ARG003
        return ("no", "yes")[value] if isinstance(value, bool) else value


def command_words(given: object) -> object:
    """Take one text, as a variable or a shell has it, for a command's words."""
    return tuple(shlex.split(given)) if isinstance(given, str) else given
