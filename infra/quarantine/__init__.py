"""Records that a reader could not take in: where they go, and what was decided about them.

- `entries`: one record and one reader, and what the newest of their events says
- `fates`: all of them, as the topic `quarantine` has them; `cases` keeps them out of memory
- `writing`: `Quarantine`, which puts records there and writes what people decide
- `errors`: what can go wrong
"""
