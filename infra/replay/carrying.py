"""Messages into the replay's topics: bytes as they are, headers with the replay's id."""

from collections.abc import Iterable, Mapping

from infra.log.reading import Message
from infra.log.writing import Producer
from schemas.record import STANDING, Position, from_headers

REPLAY, SOURCE = "replay", "src"


class Carrier:
    """Sends messages on to the topics of one replay, in the order given, by way of its `producer`.

    Value, key, timestamp and partition stay the same. So does the id: a record that a foreign
    client wrote gets its original position as its source, since its id derives from that.
    """

    def __init__(self, producer: Producer, names: Mapping[str, str], replay: str) -> None:
        self.producer, self._names = producer, names
        self._mark = (REPLAY, replay.encode())

    def carry(self, messages: Iterable[Message]) -> None:
        """Queue messages; raise `NotAcknowledged` if earlier ones are known to have failed."""
        send, names, mark = self.producer.send, self._names, self._mark
        for message in messages:
            headers = message.headers()
            if headers is not None and len(headers) == 1 and headers[0][0] == SOURCE:
                headers = [headers[0], mark]
            else:
                headers = marked(message, mark)
            send(
                names[message.topic()],
                message.value(),
                message.key(),
                message.partition(),
                message.timestamp()[1] or 1,  # librdkafka takes 0 for "now"
                headers,
            )

    def stand(self, messages: Iterable[Message]) -> None:
        """Queue what holds where the replay begins, marked as such; raise as `carry` does.

        Nothing of a topic that the replay does not have.
        """
        for message in messages:
            if message.topic() in self._names:
                headers = [h for h in marked(message, self._mark) if h[0] != STANDING[0]]
                self.producer.send(
                    self._names[message.topic()],
                    message.value(),
                    message.key(),
                    message.partition(),
                    message.timestamp()[1] or 1,
                    [*headers, STANDING],
                )


def marked(message: Message, mark: tuple[str, bytes]) -> list[tuple[str, bytes]]:
    """Return a message's headers with `mark` instead of an earlier replay's, and with a source."""
    headers = [header for header in message.headers() or () if header[0] != REPLAY]
    if not any(name == SOURCE for name, _ in headers):
        position = Position(message.topic(), message.partition(), message.offset())
        origin = from_headers(None, position)
        headers.append((SOURCE, f"{origin.source}:{origin.seq}".encode()))
    return [*headers, mark]
