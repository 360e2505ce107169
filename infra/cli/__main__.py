"""`python -m infra.cli` is `evctl`, for a process that starts another with the same Python."""

from infra.cli import app

app()
