#!/usr/bin/python3
"""aiortc (Debian's python3-aiortc) as a client of the base protocol: sends a coloured picture
and a tone, receives everybody. What it prints: see client.py."""

import asyncio
import fractions
import json
import math
import struct
import sys
import threading
import time

import av
import websockets
from aiortc import (MediaStreamTrack, RTCConfiguration, RTCPeerConnection,
                    RTCSessionDescription)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from client import COLOURS, Counts, arguments, say, stdin_lines, streams_by_mid


class Picture(MediaStreamTrack):
    kind = "video"

    def __init__(self, colour, width=320, height=180, rate=15):
        super().__init__()
        self.planes = COLOURS[colour]
        self.size = (width, height)
        self.rate = rate
        self.count = 0
        self.began = None

    async def recv(self):
        self.began = self.began or time.monotonic()
        await asyncio.sleep(max(0, self.began + self.count / self.rate - time.monotonic()))
        frame = av.VideoFrame(*self.size, "yuv420p")
        for plane, value in zip(frame.planes, self.planes):
            pixels = bytearray([value]) * plane.buffer_size
            if plane is frame.planes[0]:  # a bar that moves down the left edge
                for row in range(10):
                    start = ((self.count * 4 + row) % self.size[1]) * plane.line_size
                    pixels[start:start + 20] = bytes([126]) * 20
            plane.update(bytes(pixels))
        frame.pts = self.count * 90000 // self.rate
        frame.time_base = fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"
    RATE, SAMPLES = 48000, 960

    def __init__(self):
        super().__init__()
        self.count = 0
        self.began = None

    async def recv(self):
        self.began = self.began or time.monotonic()
        due = self.began + self.count * self.SAMPLES / self.RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        frame = av.AudioFrame(format="s16", layout="mono", samples=self.SAMPLES)
        first = self.count * self.SAMPLES
        frame.planes[0].update(struct.pack(f"<{self.SAMPLES}h", *(
            int(8000 * math.sin(2 * math.pi * 440 * (first + n) / self.RATE))
            for n in range(self.SAMPLES))))
        frame.pts = first
        frame.sample_rate = self.RATE
        frame.time_base = fractions.Fraction(1, self.RATE)
        self.count += 1
        return frame


class Client:
    def __init__(self, options):
        self.options = options
        self.counts = Counts(options.expect)
        self.streams = {}  # MSID stream id by mid, of the newest offer
        self.tasks = set()
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        if not options.watch:
            self.pc.addTrack(Tone())
            self.pc.addTrack(Picture(options.colour))
        self.pc.on("track", self.on_track)
        self.pc.on("connectionstatechange", lambda: say("state", state=self.pc.connectionState))

    def on_track(self, track):
        task = asyncio.ensure_future(self.receive(track))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def receive(self, track):
        transceiver = next(t for t in self.pc.getTransceivers() if t.receiver.track is track)
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return  # the track has ended
            stream = self.streams.get(transceiver.mid)
            if stream is not None:
                self.counts.add(stream, track.kind)

    async def answer(self, ws, offer):
        self.streams = streams_by_mid(offer["sdp"])
        await self.pc.setRemoteDescription(RTCSessionDescription(**offer))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        await self.send(ws, "answer", json.dumps(
            {"type": "answer", "sdp": self.pc.localDescription.sdp}))

    async def candidate(self, init):
        if not init["candidate"]:
            return
        candidate = candidate_from_sdp(init["candidate"].split(":", 1)[1])
        candidate.sdpMid = init.get("sdpMid")
        candidate.sdpMLineIndex = init.get("sdpMLineIndex")
        await self.pc.addIceCandidate(candidate)

    @staticmethod
    async def send(ws, event, data):
        await ws.send(json.dumps({"event": event, "data": data}))

    async def listen(self, ws):
        async for text in ws:
            message = json.loads(text)
            if message["event"] == "offer":
                await self.answer(ws, json.loads(message["data"]))
            elif message["event"] == "candidate":
                await self.candidate(json.loads(message["data"]))
            elif message["event"] == "chat":
                say("chat", data=message["data"])

    async def run(self):
        loop = asyncio.get_running_loop()
        left = asyncio.Event()
        async with websockets.connect(self.options.url, compression=None, max_size=None) as ws:
            say("joined")

            def read_stdin():
                for line in stdin_lines():
                    asyncio.run_coroutine_threadsafe(self.send(ws, "chat", line), loop)
                loop.call_soon_threadsafe(left.set)

            threading.Thread(target=read_stdin, daemon=True).start()
            listening = asyncio.ensure_future(self.listen(ws))
            leaving = asyncio.ensure_future(left.wait())
            await asyncio.wait({listening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            listening.cancel()
            results = await asyncio.gather(listening, return_exceptions=True)
            for err in results:
                if isinstance(err, Exception):
                    say("error", error=repr(err))
        await self.pc.close()
        return self.counts.finish()


async def main():
    # Made inside the loop: aiortc remembers the loop it was made in.
    return await Client(arguments(__doc__)).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
