"""What the two Python clients share: the socket, the deadline and what they print.

Both print JSON lines, one object each: {"event": "joined"}, {"event": "media", ...} whenever
the counts change, {"event": "chat", ...}, and at last {"event": "done", "ok": ...}. They stay
in the room until their standard input ends, so that whoever started them decides when they
leave, and exit with 0 if by then each kind of media had come from as many people as --expect
says, else with 1. A line on standard input is sent as chat.
"""

import argparse
import json
import sys
import time


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("url", help="ws://HOST/aq_server/websocket?room=...&username=...")
    parser.add_argument("--expect", type=int, default=1, help="how many others to receive from")
    parser.add_argument("--colour", default="yellow", help="of the picture that is sent")
    parser.add_argument("--watch", action="store_true", help="send nothing")
    return parser.parse_args()


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Counts:
    """Frames received, by stream id and kind. A stream counts once both kinds have come."""

    ENOUGH = 5  # frames of a kind; fewer might be a leftover of a keyframe

    def __init__(self, expect):
        self.expect = expect
        self.streams = {}
        self.last = 0.0

    def add(self, stream, kind):
        counts = self.streams.setdefault(stream, {"audio": 0, "video": 0})
        counts[kind] += 1
        now = time.monotonic()
        if now - self.last > 0.25:
            self.last = now
            self.report()

    def complete(self):
        return sum(1 for c in self.streams.values() if min(c.values()) >= self.ENOUGH)

    def ok(self):
        return self.complete() >= self.expect

    def report(self):
        say("media", streams=self.streams, complete=self.complete())

    def finish(self):
        self.report()
        say("done", ok=self.ok())
        return 0 if self.ok() else 1


def streams_by_mid(sdp):
    """The MSID stream id of each m-line of an SDP text, by mid."""
    found, mid = {}, None
    for line in sdp.splitlines():
        if line.startswith("m="):
            mid = None
        elif line.startswith("a=mid:"):
            mid = line[len("a=mid:"):]
        elif line.startswith("a=msid:") and mid is not None:
            found[mid] = line[len("a=msid:"):].split(" ")[0]
    return found


def stdin_lines():
    """Reader of standard input for a thread of its own."""
    for line in sys.stdin:
        yield line.rstrip("\n")


# Y, Cb, Cr (BT.601, limited range), the same colours as test/browser/support/video.mjs.
COLOURS = {
    "red": (81, 90, 240),
    "green": (145, 54, 34),
    "blue": (41, 240, 110),
    "yellow": (210, 16, 146),
    "cyan": (170, 166, 16),
    "magenta": (106, 202, 222),
}
