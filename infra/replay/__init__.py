"""A window of the log played again, at a chosen speed, into a namespace where it does no harm.

- what is asked for: `selection`, `choosing`, `remapping`, `finding`, `holes`; `preparing` makes a
  `request` of it
- `parts`: windows of the log, fed by `feed` in the one `order`; and a `tape`, for a `recording` or
  another order; `cue`: a place in an order; `event_time`: when a message happened, from its bytes
- `standing`: what holds where a part begins, from what comes before; `shapes`: without decoding it
- `controls`: how a replay goes on, as a pure state; `pacing`: when each record is due by it
- `desk`: what is wished for, by the control topic and by `keys`; `commands`: as text; `asking`:
  from another process; `hearing`: the control topic; `seeking`: where it may go on
- `reported`, `ticks`: what is carried where services decide anew; `inviting`: what they know when
  the window begins; `awaiting`: each waits for the other; `comparing`: what they decided
- `namespace`: the place of a replay, made for it alone; `listeners`: who has to be there;
  `carrying`: messages into it; `stage`: all of that side
- `outcome`: what became of replays; `remains`: what they left, and how it goes
- `player`: the whole; `course`, `lateness`, `report`, `limit`, `progress`: how it goes and went
"""
