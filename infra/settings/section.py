"""What every section of the settings is."""

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
