"""A night's archive: its records as plain Avro files, to be read without evctl, and brought back.

- `manifest`: what is in an archive, and its text; `errors`: what can be wrong with one
- `containers`: Avro object container files whose data are bytes that nobody decodes
- `envelope`: what a record is besides its event, and the message that the two make
- `writing`, `partition`, `building`: `evctl export --format archive`
- `reading`, `checking`: a night read back, and proven to be what was written
- `finding`, `fitting`: where a night's records are, and of which schema each is
- `presence`, `lacking`: what a log has of the night already
- `restoring`: `evctl import DIR`: what the log lacks is appended
"""
