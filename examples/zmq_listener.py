"""Print events as any listener of TCS hears them: python examples/zmq_listener.py URL COUNT."""

import json
import sys

import zmq


def main(url: str, count: str) -> None:
    """Print the name and the values of so many events."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.connect(url)
        socket.subscribe(b"")
        for _ in range(int(count)):
            name, text = socket.recv_multipart()
            values = {key: value for key, value in json.loads(text).items() if key[:2] != "__"}
            sys.stdout.write(f"{name.decode()} {values}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
