"""A window of the log played again, at a chosen speed, into a namespace where it does no harm.

- `order`: the one order of several partitions; `pacing`: when each record is due; `lateness`
- `event_time`: when a message happened, read from its bytes without decoding the rest
- `feed`: the window's messages, read ahead within bounds; `carrying`: messages into the replay
- `namespace`: the place of a replay, made for it alone; `player`: the whole; `report`: how it went
- `reported`, `ticks`: what is carried where services decide anew; `inviting`: what they know when
  the window begins; `awaiting`: each waits for the other; `comparing`: what they decided
"""
