"""Every option of a site: type, default, limits and kind.

`master.yaml` beside this file is the same list for people; a test holds the two together.
"""

import logging
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from infra.settings.observing import Orchestrator, Scheduler, Shots
from infra.settings.option import Option
from infra.settings.quantity import to_bytes
from infra.settings.secret import Secret
from infra.settings.section import Section, WithYesAndNo
from infra.settings.telescope import RunShot, Telescope
from schemas import utc

IPC = "ipc://"

ClientValue = Secret | bool | int | float | str
Size = Annotated[int, BeforeValidator(to_bytes)]


def default_log_directory() -> Path:
    """Return where the embedded log lives unless the site says otherwise."""
    return user_data_path("evctl") / "log"


def _dotted(name: str) -> str:
    return name if not name or name.endswith(".") else f"{name}."


def _format(text: str) -> str:
    if text not in {"text", "json"}:
        if "%(message)s" not in text:
            raise ValueError("a pattern needs %(message)s")
        sample = logging.makeLogRecord({"message": "", "asctime": "", "service": ""})
        try:
            text % vars(sample)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a field of a log record: {error}") from error
    return text


def _kept(url: str) -> str:
    if url.startswith("sqlite") and (":memory:" in url or "mode=memory" in url):
        raise ValueError("what is in memory is gone when the command ends")
    return url


def _as_text(value: object) -> object:
    """Take what YAML makes of an unquoted instant: a date, a time or a number."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value


def _instant(text: str | None) -> str | None:
    if text is not None:
        try:
            utc.parse(text)
        except utc.NotATime as fault:
            raise ValueError("not an instant") from fault
    return text


class Site(Section):
    """Which observatory this is and how its nights are counted."""

    name: Annotated[str, Option("static", "", "text"), Field(min_length=1)] = "observatory"
    night_boundary_hour: Annotated[
        int, Option("locked", "hour of the day, UTC", "a whole number, 0 to 23"), Field(ge=0, le=23)
    ] = 18
    night_named_by: Annotated[Literal["start", "end"], Option("locked", "", "start or end")] = "end"


class Log(Section):
    """Where the log is and how to reach it."""

    bootstrap_servers: Annotated[
        str,
        Option("static", "", "embedded, or host:port[,host:port…] of a Kafka cluster"),
        Field(pattern=r"^(embedded|[^\s,]+:\d+(,[^\s,]+:\d+)*)$"),
    ] = "embedded"
    data_dir: Annotated[Path, Option("static", "", "a directory")] = Field(
        default_factory=default_log_directory
    )
    namespace: Annotated[
        str,
        Option("locked", "", "nothing, or words of letters, 0-9, - and _ with dots between (het.)"),
        Field(max_length=100, pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*\.)*$"),
        BeforeValidator(lambda name: _dotted(name) if isinstance(name, str) else name),
    ] = ""
    client: Annotated[
        dict[str, ClientValue],
        Option(
            "static",
            "librdkafka's",
            "any librdkafka option; secrets as {env: NAME} or {file: PATH}",
        ),
    ] = Field(default={})
    schema_registry: Annotated[
        str | None,
        Option("static", "", "http(s)://HOST[:PORT][/PATH] of a Confluent Schema Registry API"),
        Field(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$"),
    ] = None
    schema_registry_user: Annotated[str | None, Option("static", "", "text")] = None
    schema_registry_password: Annotated[
        Secret | None, Option("static", "", "{env: NAME} or {file: PATH}")
    ] = None
    schema_registry_ca: Annotated[Path | None, Option("static", "", "a file, PEM")] = None

    @field_validator("client")
    @classmethod
    def _one_address(cls, client: dict[str, ClientValue]) -> dict[str, ClientValue]:
        if {"bootstrap.servers", "metadata.broker.list"} & set(client):
            raise ValueError("the address of the log stands in log.bootstrap_servers only")
        return client

    def client_options(self) -> dict[str, bool | int | float | str]:
        """Return `client` with its secrets read from their places; raises `SecretMissing`."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self.client.items()
        }


class Broker(Section):
    """The embedded log's server."""

    port: Annotated[
        int, Option("static", "TCP port", "0 (any free one) to 65535"), Field(ge=0, le=65535)
    ] = 0
    free_space_floor: Annotated[
        Size, Option("static", "bytes, or with kB, MB, GB, MiB, GiB", "a size"), Field(ge=0)
    ] = 256_000_000
    linger: Annotated[
        float, Option("static", "s", "a number of seconds, 0 or more"), Field(ge=0)
    ] = 10.0


class Database(Section):
    """Where the tables are."""

    url: Annotated[
        str,
        Option("static", "", "sqlite:///FILE or mysql+pymysql://USER@HOST[:PORT]/NAME"),
        Field(pattern=r"^(sqlite:///.+|(mysql|mariadb)\+pymysql://.+/.+)$"),
        AfterValidator(_kept),
    ] = ""
    password: Annotated[Secret | None, Option("static", "", "{env: NAME} or {file: PATH}")] = None


class Seals(Section):
    """Where sealed nights are written down."""

    directory: Annotated[Path, Option("static", "", "a directory")] = Field(
        default_factory=lambda: default_log_directory().parent / "seals"
    )


class Projections(Section):
    """How the tables are filled."""

    batch_size: Annotated[
        int, Option("static", "events", "a whole number, 1 to 1000000"), Field(ge=1, le=1_000_000)
    ] = 10_000
    max_delay: Annotated[
        float, Option("static", "s", "a number of seconds above 0, up to 60"), Field(gt=0, le=60)
    ] = 0.5


class Dates(Section):
    """What time those who decide take for the present."""

    mock_time: Annotated[
        str | None,
        Option(
            "static",
            "",
            "an instant (UTC) that astropy's Time parses: 2017-11-18T18:00:00, 2458076.25, "
            "mjd 58075.75, decimalyear 2017.88",
        ),
        BeforeValidator(_as_text),
        AfterValidator(_instant),
    ] = None


class Silence(Section):
    """Which silence of the telescope's systems the service `silence` reports."""

    after: Annotated[
        float, Option("static", "s", "a number of seconds; 0: no silence is reported"), Field(ge=0)
    ] = 30.0


class Notices(Section):
    """Where the worker `notices` puts what people on duty have to know."""

    directory: Annotated[Path | None, Option("static", "", "a directory")] = None


def listed(given: object) -> object:
    """Take several in one text, as a variable or an OCD file has them, for a list."""
    return tuple(given.replace(",", " ").split()) if isinstance(given, str) else given


def _with_port(url: str) -> str:
    """Refuse a port that there is none of: ZeroMQ would try it for ever."""
    if not url.startswith(IPC) and not 0 < int(url.rpartition(":")[2]) <= 65535:
        raise ValueError("a port is 1 to 65535")
    return url


Url = Annotated[
    str,
    Field(pattern=r"^(tcp://(\[[^\]\s]+\]|[^\s:/\[\]]+):\d{1,5}|ipc://[^\s]+)$"),
    AfterValidator(_with_port),
]
Urls = Annotated[tuple[Url, ...], BeforeValidator(listed)]
_URLS = Option("static", "", "a list of tcp://HOST:PORT and ipc://PATH")


class ZeroMq(Section):
    """Addresses of ZeroMQ, under OCD's names."""

    event_urls: Annotated[Urls, _URLS] = ()
    ocd_db_replay: Annotated[Urls, _URLS] = ()
    ocd_main_loop: Annotated[Urls, _URLS] = ()


class Topics(WithYesAndNo):
    """Which of TCS's events are recorded, under OCD's names."""

    extra_topics: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(listed),
        Option("static", "", "a list of names system.source.key, or patterns of them (pas.*)"),
    ] = ()
    auto_subscribe: Annotated[
        Literal["all", "yes", "no"], Option("static", "", "all, yes or no")
    ] = "all"


class Bridge(Section):
    """How events come from ZeroMQ."""

    buffer: Annotated[
        Size,
        Option("static", "bytes, or with kB, MB, GB, MiB, GiB", "a size above 0"),
        Field(gt=0),
    ] = 64_000_000


class MySql(Section):
    """Where observation numbers are kept, under OCD's names."""

    host: Annotated[
        str | None, Option("static", "", "a host name or an address"), Field(pattern=r"^[^\s/@]+$")
    ] = None
    port: Annotated[
        int, Option("static", "TCP port", "a whole number, 1 to 65535"), Field(ge=1, le=65535)
    ] = 3306
    database: Annotated[
        str | None,
        Option("static", "", "a name of 1 to 64 characters"),
        Field(pattern=r"^[^\s/?#]{1,64}$"),
    ] = None
    user: Annotated[str | None, Option("static", "", "text"), Field(min_length=1)] = None
    password: Annotated[Secret | None, Option("static", "", "{env: NAME} or {file: PATH}")] = None
    update_obsnum: Annotated[bool, Option("static", "", "true or false")] = True
    instrument: Annotated[
        str, Option("static", "", "a name of 1 to 5 characters"), Field(min_length=1, max_length=5)
    ] = "virus"


class DockerMySql(Section):
    """The throw-away server that `evctl mysql up` starts."""

    container_name: Annotated[
        str,
        Option("static", "", "letters, digits, - _ and ., a letter or digit first; up to 60"),
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$"),
    ] = "evctl-mysql"


class Logging(Section):
    """What evctl says about itself; the log of the night is not concerned."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        Option("static", "", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
        BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
    ] = "INFO"
    file: Annotated[Path | None, Option("static", "", "a file")] = None
    directory: Annotated[Path | None, Option("static", "", "a directory")] = None
    format: Annotated[
        str,
        Option("static", "", "text, json or a pattern of Python's logging"),
        AfterValidator(_format),
    ] = "text"
    rotate_size: Annotated[
        Size,
        Option("static", "bytes, or with kB, MB, GB, MiB, GiB", "a size; 0: never"),
        Field(ge=0),
    ] = 10_000_000
    rotate_count: Annotated[
        int, Option("static", "files", "a whole number, 1 or more"), Field(ge=1)
    ] = 5


class Settings(BaseModel):
    """The effective settings of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: Site = Site()
    log: Log = Field(default_factory=Log)
    broker: Broker = Broker()
    database: Database = Database()
    seals: Seals = Field(default_factory=Seals)
    projections: Projections = Projections()
    dates: Dates = Dates()
    silence: Silence = Silence()
    shots: Shots = Shots()
    orchestrator: Orchestrator = Orchestrator()
    scheduler: Scheduler = Scheduler()
    telescope: Telescope = Telescope()
    run_shot: RunShot = RunShot()
    notices: Notices = Notices()
    urls: ZeroMq = ZeroMq()
    topics: Topics = Topics()
    bridge: Bridge = Bridge()
    mysql: MySql = MySql()
    docker_mysql: DockerMySql = DockerMySql()
    logging: Logging = Logging()

    @model_validator(mode="before")
    @classmethod
    def _beside_log(cls, data: Any) -> Any:
        """Give each log tables and seals of its own: by default they lie beside its directory."""
        sections, log = dict(data), dict(data).get("log", {})
        given = log.data_dir if isinstance(log, Log) else log.get("data_dir")
        usable = isinstance(given, (str, Path)) and given  # another type is a fault, told later
        beside = Path(given if usable else default_log_directory()).parent
        defaults = {
            "database": ("url", f"sqlite:///{beside / 'evctl.sqlite'}"),
            "seals": ("directory", beside / "seals"),
        }
        for name, (option, value) in defaults.items():
            section = sections.get(name, {})
            if isinstance(section, Mapping) and option not in section:
                sections[name] = {**section, option: value}
        return sections
