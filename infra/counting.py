"""Numbers with their nouns, as people read them."""


def counted(number: int, what: str) -> str:
    """Return a number with its noun: `1 record`, `2,000 records`."""
    return f"{number:,} {what}{'s' * (number != 1)}"
