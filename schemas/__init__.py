"""The language of the observatory: events, topics, units, time, Avro; imports nothing of ours.

- `declare`: how an event is declared; `events/`: every event, found by its folder
- `record`: the envelope of an event on the log, and its identity
- `topics`: every topic, declared once
- `deriving`, `avro`, `framing`, `fitting`: how an event becomes bytes, and why data may not fit it
- `resolving`, `upcasting`, `language`: how an event of one version is read by a program of another
- `compatibility`, `differences`, `changes`: whether versions can read each other, what changed
- `utc`, `nights`: time scales, text, and which night an instant belongs to
- `published/`: every schema version ever used, as Avro files
"""
