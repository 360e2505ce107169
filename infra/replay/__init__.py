"""A window of the log played again, at a chosen speed, into a namespace where it does no harm.

- `order`: the one order of several partitions; `pacing`: when each record is due; `lateness`
- `event_time`: when a message happened, read from its bytes without decoding the rest
- `feed`: the window's messages, read ahead within bounds; `carrying`: messages into the replay
- `standing`: what holds where a replay begins, from what the log has before
- `namespace`: the place of a replay, made for it alone; `player`: the whole; `report`: how it went
"""
