"""What a test may be skipped for: anything, or with REQUIRE=all only the needs of optional.toml.

A test that can't run skips with a reason. Where the reason begins with `needs NAME:`, NAME is a
need that `tests/optional.toml` may excuse; with REQUIRE=all every other skip is a failure.
"""

import os
import re
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest

EXCUSED = Path(__file__).with_name("optional.toml")
_NEED = re.compile(r"needs ([\w-]+):")

_R = TypeVar("_R", pytest.TestReport, pytest.CollectReport)


def excused_needs(file: Path = EXCUSED) -> dict[str, str]:
    """Return the needs that may be missing even with REQUIRE=all, each with the reason why."""
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return {need: str(reason) for need, reason in found.items()}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the choice from the environment, as make passes it, or from the command line."""
    parser.addoption(
        "--require",
        choices=["", "all"],
        default=os.environ.get("REQUIRE", ""),
        help="all: a skipped test is a failure, unless tests/optional.toml excuses its need",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say that the rule is in force, and what it excuses."""
    if config.getoption("require") != "all":
        return None
    return f"REQUIRE=all: a skip is a failure, but for {', '.join(excused_needs())}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of one test."""
    return _judged((yield), item.config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the skip of a whole module."""
    return _judged((yield), collector.config)


def _judged(report: _R, config: pytest.Config) -> _R:
    """Return the report, as a failure where it is a skip that is not allowed."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = _reason(report)
    need = _NEED.match(reason)
    if config.getoption("require") == "all" and not (need and need[1] in excused_needs()):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE=all: skipped, since {reason}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")
