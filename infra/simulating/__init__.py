"""A simulated night on the log, in lock-step with the orchestrator.

- `place`: the namespace of a simulation
- `hearing`: what the orchestrator has said, read from the log in its order
- `pacing`: when a simulated instant is due
- `running`: says what the telescope says, up to a heartbeat; waits for its answer; goes on
- `report`: what came of the night
- `companion`: an orchestrator beside it, as a process of its own
"""
