"""`evctl demo`: a night goes into a log and out again, and a process is killed on the way.

- `stage`: a temporary site, and evctl commands run in it as processes
- `worker`: a projection process, one of two in a group; `watch`: how far the tables are
- `story`: what happens, in order
- `report`: the night report
"""
