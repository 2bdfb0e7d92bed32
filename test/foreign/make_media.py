#!/usr/bin/python3
"""make_media.py COLOUR IVF OGG: writes two seconds of a coloured picture (VP8, a keyframe
every half second) and of a tone (Opus, one packet of 20 ms in each page) for pionclient."""

import fractions
import math
import struct
import sys

import av

from client import COLOURS

WIDTH, HEIGHT, RATE, SECONDS = 320, 180, 20, 2


def encoded_video(colour):
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = fractions.Fraction(1, RATE)
    encoder.options = {"deadline": "realtime", "g": str(RATE // 2), "lag-in-frames": "0"}
    for n in range(RATE * SECONDS):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, value in zip(frame.planes, COLOURS[colour]):
            pixels = bytearray([value]) * plane.buffer_size
            if plane is frame.planes[0]:
                pixels[n * plane.line_size:n * plane.line_size + 30] = bytes([126]) * 30
            plane.update(bytes(pixels))
        frame.pts = n
        yield from (bytes(p) for p in encoder.encode(frame))
    yield from (bytes(p) for p in encoder.encode(None))


def write_ivf(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", WIDTH, HEIGHT,
                              RATE, 1, len(frames), 0))
        for n, frame in enumerate(frames):
            out.write(struct.pack("<IQ", len(frame), n) + frame)


def write_ogg(path):
    with av.open(path, "w", format="ogg", options={"page_duration": "20000"}) as out:
        stream = out.add_stream("libopus", 48000)
        for n in range(SECONDS * 50):
            frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
            frame.planes[0].update(b"".join(
                struct.pack("<hh", v, v) for v in (
                    int(8000 * math.sin(2 * math.pi * 880 * (n * 960 + i) / 48000))
                    for i in range(960))))
            frame.pts, frame.sample_rate = n * 960, 48000
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)


if __name__ == "__main__":
    write_ivf(sys.argv[2], list(encoded_video(sys.argv[1])))
    write_ogg(sys.argv[3])
