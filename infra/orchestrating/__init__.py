"""What people do with the orchestrator from a terminal: ask it, and ask why."""
