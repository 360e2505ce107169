"""What can go wrong between ZeroMQ and the log."""

from importlib.util import find_spec

from schemas.errors import EvctlError


class ZeroMqMissing(EvctlError):
    """pyzmq is not installed."""

    exit_code = 69

    def __init__(self) -> None:
        super().__init__(
            "evctl bridge needs pyzmq, which is not installed: `pip install 'evctl[zmq]'` brings "
            "it, in the environment that evctl runs in."
        )


class AddressInUse(EvctlError):
    """Another process sends from this address."""

    exit_code = 73

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} is in use by another process: end that one, or give another address."
        )
        self.url = url


class AddressUnusable(EvctlError):
    """The machine can't use an address."""

    exit_code = 78

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} can't be used: {reason}. Give an address that this machine has.")
        self.url, self.reason = url, reason


class NoAddress(EvctlError):
    """Neither the command line nor the settings name an address."""

    exit_code = 2

    def __init__(self, option: str, what: str) -> None:
        super().__init__(f"There is no address {what}: give one, or set {option} in the settings.")
        self.option = option


class Echo(EvctlError):
    """What is recorded would be what is served."""

    exit_code = 78

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} is where `evctl bridge out` serves this log (urls.ocd_main_loop): each event "
            "would be recorded again, without end. Name the address of TCS."
        )
        self.url = url


class BeyondEnd(EvctlError):
    """The log is not so far yet."""

    exit_code = 2

    def __init__(self, place: tuple[str, int], offset: int, end: int) -> None:
        super().__init__(
            f"{place[0]}[{place[1]}] has no offset {offset}: the next record gets {end}, and that "
            "is where it begins without --from-offset."
        )
        self.place, self.offset, self.end = place, offset, end


class IntoASimulation(EvctlError):
    """Events of the real telescope would get into a simulated night."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"{namespace} is a simulated night's namespace, and the real telescope is no part of "
            "it: leave --namespace away, or give the site's."
        )
        self.namespace = namespace


class NotRecorded(EvctlError):
    """Events were received that are not on the log, and it was time to end."""

    exit_code = 74

    def __init__(self, events: int, reason: Exception) -> None:
        super().__init__(
            f"The last {events:,} message{'s' * (events != 1)} received did not get on the log: "
            f"{reason} If TCS has recorded them, `evctl import` adds what is missing."
        )
        self.events, self.reason = events, reason


def require_zeromq() -> None:
    """Raise `ZeroMqMissing` where pyzmq is not installed."""
    if find_spec("zmq") is None:
        raise ZeroMqMissing
