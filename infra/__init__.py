"""The shell: all that touches clocks, files, processes, networks and people."""
