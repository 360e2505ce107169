"""What a comparison found, in numbers."""

from dataclasses import dataclass, replace


@dataclass(slots=True)
class Tally:
    """How much was compared, and how much of it is wrong; only `compared` may be above zero.

    `altered` counts also what nobody said or asked for.
    """

    compared: int = 0
    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    altered: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.duplicated or self.disordered or self.altered)

    def copy(self) -> "Tally":
        """Return another with the same numbers."""
        return replace(self)

    def cells(self) -> str:
        """Return the numbers as cells of a table."""
        numbers = (self.compared, self.lost, self.duplicated, self.disordered, self.altered)
        return " | ".join(f"{number:,}" for number in numbers)
