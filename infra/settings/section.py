"""What every section of the settings is."""

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
