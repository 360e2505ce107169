"""Services and workers as members of consumer groups: what follows from a record, once.

- `running`: the group's loop: partitions come and go, records are handled, snapshots are kept
- `taking_over`: how an instance becomes the one that decides about a partition
- `recorded`: what the instances before have put on the log, adopted and not decided again
- `deciding`: a service at its seat; `working`: a worker at its seat
- `roles`: which services and workers there are, and the ports that workers act through
- `outputs`: where events go, and that they are acknowledged
- `keeping`: what a snapshot holds; `shelved`: copies of snapshots that seals have
- `redeciding`: a service gone through the log once more; `comparing`: decisions of two sides
"""
