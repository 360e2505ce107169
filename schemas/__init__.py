"""The language of the observatory: events, topics, units, time, Avro; imports nothing of ours.

- `declare`: how an event is declared; `events/`: every event, found by its folder
- `record`: the envelope of an event on the log, and its identity
- `topics`: every topic, declared once
- `avro`, `framing`, `compatibility`: how an event becomes bytes, and stays readable
- `utc`, `nights`: time scales, text, and which night an instant belongs to
- `published/`: every schema version ever used, as Avro files
"""
