"""Why a site gives out no observation number, each as one sentence."""

from collections.abc import Sequence

import consumers
from consumers import Refused
from schemas.errors import EvctlError


class Away(EvctlError, consumers.Away):
    """The database does not answer now."""

    exit_code = 69


class LockHeld(Away):
    """Another writer has been at it for too long."""

    def __init__(self, database: str, lock: str, holder: int | None, waited_s: float) -> None:
        held = f"connection {holder}" if holder is not None else "another connection"
        super().__init__(
            f"In {database} {held} has held the lock {lock!r} for {waited_s:g} s, and numbers are "
            "taken by one writer at a time: SHOW PROCESSLIST says what it is, and KILL ends it."
        )
        self.lock, self.holder = lock, holder


class NoLock(EvctlError, Refused):
    """The server has no named locks."""

    exit_code = 69

    def __init__(self, database: str, lock: str) -> None:
        super().__init__(
            f"{database} does not give the lock {lock!r}: GET_LOCK is NULL. No number is taken "
            "without it; name one server of MySQL or MariaDB in mysql.host."
        )
        self.lock = lock


class Contended(Away):
    """Somebody without our lock inserted the same number first."""

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"In {database} another program took the same number at the same moment ({reason})."
        )


class NumbersFault(EvctlError, Refused):
    """No number can be taken until somebody mends something."""

    exit_code = 65


class NotConfigured(EvctlError):
    """The settings name a server and not what is on it."""

    exit_code = 78

    def __init__(self, option: str) -> None:
        super().__init__(
            f"mysql.host is set and {option} is not: give both, or leave mysql.host empty, and "
            "SQLite keeps the observation numbers."
        )
        self.option = option


class TableMissing(NumbersFault):
    """There is no table of observation numbers."""

    exit_code = 66

    def __init__(self, database: str, table: str) -> None:
        super().__init__(
            f"There is no table {table} in {database}: look whether mysql.host and mysql.database "
            "name the right one; `evctl mysql migrate --create` makes it."
        )
        self.table = table


class WrongStructure(NumbersFault):
    """The table is another one than OCD's."""

    exit_code = 78

    def __init__(self, database: str, table: str, differences: Sequence[str]) -> None:
        super().__init__(
            f"The table {table} in {database} is not that of OCD: {'; '.join(differences)}. evctl "
            "alters no table unasked: mend it, or name another database in mysql.database."
        )
        self.table, self.differences = table, differences


class IdExhausted(NumbersFault):
    """The table's ids are used up."""

    def __init__(self, database: str, table: str) -> None:
        super().__init__(
            f"The table {table} in {database} has no id left: its column id counts no further. "
            f"ALTER TABLE {table} MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT makes room."
        )
        self.table = table


class ObsnumExhausted(NumbersFault):
    """A date's numbers are used up."""

    def __init__(self, database: str, obsdate: str, highest: int) -> None:
        super().__init__(
            f"{obsdate} has no observation number left in {database}: its highest is {highest:,}, "
            "and the column obsnum holds no higher one. Look who inserted that number."
        )
        self.obsdate, self.highest = obsdate, highest


class InstTooLong(NumbersFault):
    """The name of an instrument does not fit."""

    def __init__(self, inst: str, longest: int) -> None:
        super().__init__(
            f"The instrument {inst!r} has {len(inst)} characters, and the column inst of vl_obsnum "
            f"holds {longest}: shorten it."
        )
        self.inst, self.longest = inst, longest


class NotTaken(NumbersFault):
    """The database is there and says no."""

    exit_code = 77

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"{database} refuses: {reason}; see the section mysql of the settings, and the user's "
            "rights."
        )


class NotThrowAway(NumbersFault):
    """A rehearsal would take numbers of the real nights."""

    exit_code = 78

    def __init__(self, database: str, namespace: str) -> None:
        super().__init__(
            f"The namespace {namespace.rstrip('.')} is a rehearsal's, and {database} may hold the "
            "numbers of true nights: rehearse with `evctl mysql up`, or without mysql.host."
        )
        self.namespace = namespace


class Duplicates(EvctlError):
    """The unique key can't be added to what is there."""

    exit_code = 65

    def __init__(self, database: str, found: Sequence[str], more: int) -> None:
        others = f", and {more:,} more" if more else ""
        super().__init__(
            f"The unique key can't be added in {database}: some numbers stand twice "
            f"({'; '.join(found)}{others}). Find out which rows are right, and change the others."
        )
        self.found = found
