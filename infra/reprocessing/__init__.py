"""A part of the log gone through again in one process, away from everything that is live.

- `part`: which part of the log, and what has to be read of it
- `beginning`: what services knew before, and from where on the log is read for that
- `concluding`: the services decide anew; their decisions stand where the recorded ones stood
- `tables`: all views at once, in a database file of their own
- `running`: the whole; `against_live`: the tables compared with the live ones; `outcome`: what is
  said of it
"""
