"""The rule for skipped tests, run on small suites of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.require import excused_needs

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_that_runs():
    pass

def test_skipped_in_its_body():
    pytest.skip("the moon is full")

@pytest.mark.skipif(True, reason="needs telescope: none here")
def test_skipped_by_a_mark():
    pass

def test_excused():
    pytest.skip("needs container-engine: none here")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail():
    assert False
"""
MODULE = """
import pytest

pytest.skip("needs dome: none here", allow_module_level=True)
"""


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Return the function that runs two test modules with options of its own."""
    pytester.makepyfile(test_suite=SUITE, test_module=MODULE)

    def run_with(*options: str) -> pytest.RunResult:
        plugin = ("-p", "tests.require", "-p", "no:cacheprovider")
        told = ("-ra", "--continue-on-collection-errors")
        return pytester.runpytest_subprocess(*plugin, *told, *options)

    return run_with


def test_a_skip_is_listed_with_its_reason_and_is_no_failure(run: Run) -> None:
    result = run("--require=")

    result.assert_outcomes(passed=1, skipped=4, xfailed=1)
    assert result.ret == pytest.ExitCode.OK
    for reason in ("the moon is full", "needs telescope: none here", "needs dome: none here"):
        result.stdout.fnmatch_lines(f"SKIPPED *: {reason}")


@pytest.mark.parametrize("workers", [0, 2])
def test_with_all_required_a_skip_is_a_failure_unless_its_need_is_excused(
    run: Run, workers: int
) -> None:
    result = run("--require=all", f"--numprocesses={workers}")

    assert result.ret != pytest.ExitCode.OK
    result.assert_outcomes(passed=1, failed=1, errors=2, skipped=1, xfailed=1)
    for reason in ("the moon is full", "needs telescope: none here", "needs dome: none here"):
        result.stdout.fnmatch_lines(f"REQUIRE=all: skipped, since {reason}")
    result.stdout.fnmatch_lines("SKIPPED *: needs container-engine: none here")


def test_make_hands_the_rule_on_in_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE", "all")

    assert run().ret != pytest.ExitCode.OK


def test_every_excused_need_is_one_that_a_test_names(project_root: Path) -> None:
    told = "".join(
        file.read_text(encoding="utf-8")
        for file in (project_root / "tests").rglob("*.py")
        if file != Path(__file__)
    )

    assert [need for need in excused_needs() if f"needs {need}:" not in told] == []
