"""The embedded broker: a durable log on one machine that speaks Kafka's wire protocol.

Read it in this order: `server` (what runs), `frames` (bytes to requests), `apis` (request to
handler), `handlers_*` (what is answered), `partition` and `log` (what is kept), `recovery` (what is
found again after a crash).
"""
