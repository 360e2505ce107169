"""Records to rows: views kept up to date as a consumer group, rebuilt, and verified.

- `feeding`: one view's rows and offset, written together, guarded against a second writer
- `continuity`: whether the log is still the one that the rows came from
- `running`: the consumer group's loop
- `rebuilding`: a view made anew beside the one that serves, then put in its place
- `verifying`: live, replayed and rebuilt rows, compared by digest
"""
