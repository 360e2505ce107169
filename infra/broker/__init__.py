"""The embedded broker: a durable log on one machine that speaks Kafka's wire protocol.

Read it in this order: `server` (what runs), `protocol.frames` (bytes to requests), `protocol.apis`
(request to handler), `handlers` (what is answered), `storage.partition` and `storage.log` (what is
kept), `storage.recovery` (what is found again after a crash). Then `groups` of consumers,
`transactions`, and `cleaning` (what becomes of old records). `control` and `ownership` are for
other processes: they find, start and stop a broker.
"""
