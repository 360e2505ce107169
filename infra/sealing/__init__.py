"""A night's seal: what the log and the tables had of it, so that any later change is found.

- `contents`: what a seal says, and its text
- `stretches`: a partition's records of a night, counted and digested in stretches
- `records`: the seals on the topic `seals`; `shelf`: their files
- `making`: `evctl seal`; `checking`, `comparing`: `evctl verify` of a sealed night
- `bases`: snapshots that a rebuild may begin with; `standings`: where a replay may begin
"""
