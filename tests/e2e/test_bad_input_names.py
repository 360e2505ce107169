"""Names that differ by case, a trailing blank or a character of four bytes stay different."""

import json
from pathlib import Path

import pytest

from producers import Entry
from producers.formats import open_recording, writer_for
from schemas.events.tcs import TcsEvent
from tests.e2e.stage import Stage, on_stage

NAMES = (
    "key",
    "Key",
    "KEY",
    "key ",
    " key",
    "key\u00a0",
    "kéy",
    "ke\u0301y",
    "key😀",
    "key😁",
    "键",
)
TIME = 1_763_604_000_000_000


@pytest.mark.parametrize("form", ["sqlite", "jsonl"])
def test_alike_names_are_kept_apart_on_every_way(
    tmp_path: Path, mariadb_url: str, form: str
) -> None:
    events = [
        TcsEvent(TIME + n, TIME + n, "tcs", f"so {name}", name, False, {a: a for a in NAMES}, {})
        for n, name in enumerate(NAMES)
    ]
    path, out = tmp_path / "names.recording", tmp_path / "out.recording"
    with writer_for(form)(path) as writer:
        for event in events:
            writer.add(Entry(event, None, 0))
    with on_stage(tmp_path / "site") as sqlite:
        mariadb = sqlite.also("mariadb", database={"url": mariadb_url})
        sqlite.done("import", path)
        for site in (sqlite, mariadb):
            site.done("run", "projections", "--once")
            apart(site)
        assert sqlite.digests() == mariadb.digests()
        sqlite.done("export", "all", "--to", out, "--format", form)
        assert [entry.event for entry in open_recording(out).entries()] == events
        for name in ("key", "key ", "key😀"):
            key = f"tcs.so {name}.{name}"
            (line,) = sqlite.done("tail", "observatory", "--key", key, "--json").splitlines()
            assert json.loads(line)["key"] == key


def apart(site: Stage) -> None:
    """See that every name has rows of its own."""
    latest = site.rows("SELECT tcs_topic, value_name, value_text FROM tcs_latest")
    assert {(topic, name) for topic, name, _ in latest} == {
        (f"tcs.so {name}.{name}", value) for name in NAMES for value in NAMES
    }
    assert all(json.loads(text) == name for _, name, text in latest)
    activity = site.rows("SELECT tcs_source, events FROM tcs_activity")
    assert sorted(activity) == sorted((f"so {name}", 1) for name in NAMES)
