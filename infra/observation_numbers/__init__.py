"""Observation numbers in MySQL or MariaDB, or in SQLite where a site has none.

- `store`: `NumberStore`, which gives them out: one writer at a time, a request's number once
- `tables`: `vl_obsnum` as OCD has it, and what stands beside it
- `structure`: whether a table that is there is that one, and how much it holds
- `locking`: one writer at a time
- `opening`: the store and the database of a site's settings
- `migrating`: what is done to the tables when somebody asks for it
- `refusing`: what the database says no to
- `errors`: what can go wrong
"""

from infra.observation_numbers.opening import looked_at, numbers, open_numbers, throw_away
from infra.observation_numbers.store import NumberStore

__all__ = ["NumberStore", "looked_at", "numbers", "open_numbers", "throw_away"]
