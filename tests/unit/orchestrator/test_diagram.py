"""The pictures of the state machines show their tables: each arrow, and no other."""

import re
from pathlib import Path

from consumers.orchestrator.machines import MACHINES, WANTED

_BLOCK = r"^### (\w+)\n(.*?)^```mermaid\nstateDiagram-v2\n(.*?)^```$"


def pictures(project_root: Path) -> dict[str, tuple[str, list[str]]]:
    """Return the text in front of each machine's picture, and its lines."""
    page = project_root / "docs" / "explanation" / "orchestrator.md"
    found = re.findall(_BLOCK, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return {name: (text, body.splitlines()) for name, text, body in found}


def test_each_machine_is_drawn_with_its_arrows_and_no_others(project_root: Path) -> None:
    drawn = {name: sorted(lines) for name, (_, lines) in pictures(project_root).items()}

    assert drawn == {
        name: sorted(
            [
                f"    [*] --> {machine.initial}",
                *(f"    {old} --> {new}: {how}" for (old, how), new in machine.table.items()),
            ]
        )
        for name, machine in MACHINES.items()
    }


def test_the_page_says_where_each_machine_has_to_be(project_root: Path) -> None:
    text = pictures(project_root)["meta"][0]

    assert dict(re.findall(r"`(\w+)` is `(\w+)`", text)) == WANTED
