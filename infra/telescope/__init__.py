"""The telescope that the worker `shots` moves, and the files of its shots.

- `simulated`: one that takes its time and writes FITS files; `synthetic`: those files
- `syscmd`: one that is moved by commands, each a process of its own
- `outside`: exposures by a program of the site; `programs`: how a program is run and ended
- `memory`: how far each request came, on the disk
- `shot_files`: what lies ready for a shot, and the files that come of it
- `port`: which of these a site has
- `under_way`: which shot runs, and who has asked for one
- `member`: the worker as a part of `evctl shot run`; `telling`: its lines
"""
