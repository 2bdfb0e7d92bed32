#!/usr/bin/python3
"""GStreamer's webrtcbin as a client of the base protocol: sends a coloured picture and a tone,
receives everybody. It sends its candidates as they come, the first ones before its answer.
What it prints: see client.py."""

import asyncio
import json
import re
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

import websockets  # noqa: E402

from client import COLOURS, Counts, arguments, say, stdin_lines, streams_by_mid  # noqa: E402

RGB = {"red": "ff0000", "green": "00ff00", "blue": "0000ff",
       "yellow": "ffff00", "cyan": "00ffff", "magenta": "ff00ff"}
assert RGB.keys() == COLOURS.keys()

SOURCES = {
    "video": "videotestsrc is-live=true pattern=ball background-color=0xff{rgb} "
             "foreground-color=0xff808080 ! video/x-raw,width=320,height=180,framerate=15/1 ! "
             "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=150 target-bitrate=200000 ! "
             "rtpvp8pay pt={pt} picture-id-mode=15-bit ! "
             "capsfilter caps=application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload={pt}",
    "audio": "audiotestsrc is-live=true freq=660 volume=0.3 ! audioconvert ! "
             "audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt={pt} ! "
             "capsfilter caps=application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload={pt}",
}
SINKS = {
    "video": "queue ! rtpvp8depay ! vp8dec ! fakesink name=end sync=false signal-handoffs=true",
    "audio": "queue ! rtpopusdepay ! opusdec ! fakesink name=end sync=false signal-handoffs=true",
}
CODECS = {"video": "VP8/90000", "audio": "opus/48000"}


def publish_mlines(sdp):
    """(kind, payload type) of each m-line on which the server wants to receive."""
    found = []
    for section in re.split(r"^m=", sdp, flags=re.M)[1:]:
        kind = section.split(" ")[0]
        payload = re.search(rf"^a=rtpmap:(\d+) {CODECS.get(kind, '?')}", section, re.M | re.I)
        if payload and re.search(r"^a=recvonly", section, re.M):
            found.append((kind, int(payload[1])))
    return found


class Client:
    def __init__(self, options):
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.counts = Counts(options.expect)
        self.streams = {}
        self.ws = None
        self.candidates_sent = 0
        self.first_candidate = asyncio.Event()
        self.pipeline = Gst.Pipeline.new()
        self.rtc = Gst.ElementFactory.make("webrtcbin")
        self.rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.rtc.set_property("latency", 50)
        self.pipeline.add(self.rtc)
        # webrtcbin calls from threads of its own: everything is handed to the loop.
        self.rtc.connect("on-ice-candidate", lambda _, index, text: self.in_loop(
            self.send_candidate(index, text)))
        self.rtc.connect("pad-added", self.on_pad)
        self.pipeline.set_state(Gst.State.PLAYING)

    def in_loop(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def send(self, event, data):
        await self.ws.send(json.dumps({"event": event, "data": data}))

    async def send_candidate(self, index, text):
        await self.send("candidate", json.dumps({"candidate": text, "sdpMLineIndex": index}))
        self.candidates_sent += 1
        self.first_candidate.set()

    async def call(self, signal, *args):
        """Emits an action signal of webrtcbin and waits for its promise."""
        done = self.loop.create_future()

        def settle(promise):
            reply = promise.get_reply()
            self.loop.call_soon_threadsafe(done.set_result, reply)

        self.rtc.emit(signal, *args, Gst.Promise.new_with_change_func(settle))
        return await done

    async def answer(self, offer):
        first = not self.streams and self.candidates_sent == 0
        sdp = offer["sdp"]
        self.streams = streams_by_mid(sdp)
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        await self.call("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(
            GstWebRTC.WebRTCSDPType.OFFER, message))
        if first and not self.options.watch:
            for kind, payload in publish_mlines(sdp):
                self.publish(kind, payload)
        reply = await self.call("create-answer", None)
        description = reply.get_value("answer")
        await self.call("set-local-description", description)
        if first:
            await asyncio.wait_for(self.first_candidate.wait(), 10)
            say("answering", candidates_sent_before=self.candidates_sent)
        await self.send("answer", json.dumps(
            {"type": "answer", "sdp": description.sdp.as_text()}))

    def publish(self, kind, payload):
        text = SOURCES[kind].format(pt=payload, rgb=RGB[self.options.colour])
        source = Gst.parse_bin_from_description(text, True)
        self.pipeline.add(source)
        pad = source.get_static_pad("src")
        sink = self.rtc.request_pad(
            self.rtc.get_pad_template("sink_%u"), None, Gst.Caps.from_string(
                f"application/x-rtp,media={kind},payload={payload},"
                f"encoding-name={'VP8' if kind == 'video' else 'OPUS'},"
                f"clock-rate={90000 if kind == 'video' else 48000}"))
        assert pad.link(sink) == Gst.PadLinkReturn.OK
        source.sync_state_with_parent()

    def on_pad(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        mid = pad.get_property("transceiver").get_property("mid")
        sink = Gst.parse_bin_from_description(SINKS[kind], True)
        sink.get_by_name("end").connect("handoff", lambda *_: self.loop.call_soon_threadsafe(
            self.received, mid, kind))
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def received(self, mid, kind):
        if mid in self.streams:
            self.counts.add(self.streams[mid], kind)

    async def listen(self):
        async for text in self.ws:
            message = json.loads(text)
            if message["event"] == "offer":
                await self.answer(json.loads(message["data"]))
            elif message["event"] == "candidate":
                candidate = json.loads(message["data"])
                self.rtc.emit("add-ice-candidate", candidate["sdpMLineIndex"],
                              candidate["candidate"])
            elif message["event"] == "chat":
                say("chat", data=message["data"])

    async def run(self):
        left = asyncio.Event()
        async with websockets.connect(self.options.url, compression=None, max_size=None) as ws:
            self.ws = ws
            say("joined")

            def read_stdin():
                for line in stdin_lines():
                    self.in_loop(self.send("chat", line))
                self.loop.call_soon_threadsafe(left.set)

            threading.Thread(target=read_stdin, daemon=True).start()
            tasks = [asyncio.ensure_future(t) for t in (self.listen(), left.wait())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            for err in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(err, Exception):
                    say("error", error=repr(err))
        self.pipeline.set_state(Gst.State.NULL)
        return self.counts.finish()


async def main():
    options = arguments(__doc__)
    Gst.init(None)
    return await Client(options).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
