"""Events from ZeroMQ to the log and back (`evctl bridge`), for TCS and for listeners not ours.

- `sockets`: what comes in at addresses, what goes out at them; the only module that knows pyzmq
- `inbox`, `listening`: what has come in waits here, bounded in bytes, whatever the log does
- `appending`: records of one source to the log, each once, through restarts of the log
- `moving`: a broker that comes back elsewhere
- `recording`: from messages to records, until it is stopped; `tally`: what was made of them
- `serving`: the log to listeners; `wish`: what of it
"""
