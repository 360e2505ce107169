"""Live events and those of a replay: what a site can get only one of at a time."""

from infra.settings.model import Settings
from schemas.errors import EvctlError


class LiveAndReplay(EvctlError):
    """The settings name a source of live events and one of a replay."""

    exit_code = 78

    def __init__(self, said: str) -> None:
        super().__init__(f"Not started: {said}")


def live_and_replay(settings: Settings) -> str | None:
    """Say what is wrong where the settings name both sources; every command warns of it."""
    urls = settings.urls
    live = [url for url in urls.event_urls if url not in urls.ocd_db_replay]
    if not live or not urls.ocd_db_replay:
        return None
    return (
        f"urls.event_urls ({', '.join(live)}) has live events and urls.ocd_db_replay "
        f"({', '.join(urls.ocd_db_replay)}) those of a replay; whoever hears both takes the old "
        "for new: leave one of them empty."
    )


def refuse_live_and_replay(settings: Settings) -> None:
    """Raise `LiveAndReplay` where the settings name both: for who acts on what is heard."""
    said = live_and_replay(settings)
    if said is not None:
        raise LiveAndReplay(said)
