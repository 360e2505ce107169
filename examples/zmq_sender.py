"""Send three events as TCS does, to the first who listens at an address.

python examples/zmq_sender.py tcp://127.0.0.1:5556
"""

import json
import sys
import time

import zmq


def main(url: str) -> None:
    """Wait for a listener, send, and end."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.bind(url)
        socket.recv()  # a subscription: a PUB socket would not tell
        for number in range(3):
            now = f"{time.clock_gettime(time.CLOCK_REALTIME):.6f}"
            members = {
                "__system": "pas",
                "__source": "Guider1",
                "__key": "metrology_data",
                "__data_time": now,
                "__wire_time": now,
                "__data": False,
                "image_quality": 1.2 + number / 10,
            }
            frames = [b"pas.Guider1.metrology_data", json.dumps(members).encode()]
            socket.send_multipart(frames)


if __name__ == "__main__":
    main(*sys.argv[1:])
