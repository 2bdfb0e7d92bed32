package client

import (
	"math"
	"slices"
	"testing"
	"time"

	"aq-server/internal/sfu/codec"
	"aq-server/internal/types"
)

func TestSplitCutsAsLibwebrtcDoes(t *testing.T) {
	for _, c := range []struct {
		size, limit int
		want        []int
	}{
		{10, 100, []int{10}},
		{100, 100, []int{100}},
		{101, 100, []int{50, 51}},
		{200, 100, []int{100, 100}},
		{302, 100, []int{75, 75, 76, 76}},
	} {
		if got := split(c.size, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("split(%d, %d) = %v, want %v", c.size, c.limit, got, c.want)
		}
	}
	if got := split(1<<20, 1000); len(got) != 255 {
		t.Errorf("%d packets, more than a stamp can count", len(got))
	}
}

func TestShaperKeepsItsRate(t *testing.T) {
	const rate, fps = 1_500_000, 30
	const seconds = 100
	s := newShaper(rate, fps, 10*time.Second, 7)
	var bytes, deltas, keys int
	smallest, largest := math.MaxInt, 0
	for i := range seconds * fps {
		key := i%(10*fps) == 0
		size := 0
		for _, n := range s.next(key, vp8Descriptor) {
			size += n
			if n+vp8Descriptor > maxPayload {
				t.Fatalf("a packet of %d bytes", n)
			}
		}
		bytes += size
		if key {
			keys += size
			continue
		}
		deltas += size
		smallest, largest = min(smallest, size), max(largest, size)
	}
	if got := float64(bytes) * 8 / seconds; math.Abs(got/rate-1) > 0.03 {
		t.Errorf("%.0f bit/s, want about %d", got, rate)
	}
	mean := float64(deltas) / (seconds*fps - seconds/10)
	if key := float64(keys) / (seconds / 10); math.Abs(key/mean-10) > 0.5 {
		t.Errorf("a keyframe is %.1f times as large as other frames, want 10", key/mean)
	}
	if float64(largest-smallest) < mean/2 {
		t.Errorf("frames between %d and %d bytes hardly vary", smallest, largest)
	}
}

func TestShapedVP8IsWhatTheServerParses(t *testing.T) {
	for _, temporal := range []int{1, 3} {
		p, err := newPacketizer(VP8, 1280, 720)
		if err != nil {
			t.Fatal(err)
		}
		p.temporal = temporal
		publication := &Publication{opts: PublishOptions{Source: types.SourceCamera}.withDefaults()}
		l := &layer{shape: newShaper(1_500_000, 30, 10*time.Second, 3)}
		var last codec.VP8Descriptor
		for frame := range 40 {
			key := frame%20 == 0
			payloads := p.frame(Stamp{Sender: 1, Key: key}, publication.sizes(l, key))
			smallest, largest := math.MaxInt, 0
			for i, payload := range payloads {
				d, ok := codec.ParseVP8(payload.data)
				if !ok {
					t.Fatalf("frame %d packet %d is no VP8", frame, i)
				}
				checkVP8(t, d, last, frame, i, key, temporal)
				if key && i == 0 {
					checkKeyframe(t, payload.data[d.Size:])
				}
				if i == len(payloads)-1 {
					last = d
				}
				smallest, largest = min(smallest, len(payload.data)), max(largest, len(payload.data))
			}
			if largest-smallest > 1 || largest > maxPayload {
				t.Errorf("frame %d: packets of %d to %d bytes", frame, smallest, largest)
			}
		}
	}
}

// checkVP8 checks packet i of a frame against the frame before.
func checkVP8(t *testing.T, d, last codec.VP8Descriptor, frame, i int, key bool, temporal int) {
	t.Helper()
	tid := uint8(0)
	if temporal == 3 {
		tid = [4]uint8{0, 2, 1, 2}[frame%20%4]
	}
	tl0 := last.TL0PICIDX
	if tid == 0 {
		tl0++
	}
	if d.Size != vp8Descriptor || d.Start != (i == 0) || d.Keyframe != (key && i == 0) || d.PictureIDBits != 15 {
		t.Errorf("frame %d packet %d: %+v", frame, i, d)
	}
	if d.PictureID != last.PictureID+1 || d.TL0PICIDX != tl0 || d.TID != tid || d.N != (tid == 2) {
		t.Errorf("frame %d packet %d: picture %d after %d, TL0PICIDX %d (want %d), TID %d (want %d), N %t",
			frame, i, d.PictureID, last.PictureID, d.TL0PICIDX, tl0, d.TID, tid, d.N)
	}
	if d.Y != (tid == 1 || tid == 2 && frame%20%4 == 1) {
		t.Errorf("frame %d: TID %d, Y %t", frame, tid, d.Y)
	}
}

// checkKeyframe checks the frame header of RFC 6386, section 9.1.
func checkKeyframe(t *testing.T, b []byte) {
	t.Helper()
	if b[0]&1 != 0 || !slices.Equal(b[3:6], []byte{0x9d, 0x01, 0x2a}) {
		t.Errorf("no keyframe header: % x", b[:10])
	}
	if width, height := int(b[6])|int(b[7])<<8, int(b[8])|int(b[9])<<8; width != 1280 || height != 720 {
		t.Errorf("keyframe of %d x %d", width, height)
	}
}

func TestStampTakesTheMonotonicClock(t *testing.T) {
	b := make([]byte, stampSize)
	now := time.Now()
	Stamp{Source: types.SourceCamera, SentAt: now}.put(b)
	got, ok := FindStamp(b)
	if !ok || got.SentAt.Sub(now) != 0 {
		t.Errorf("%v became %v", now, got.SentAt)
	}
	later := now.Add(time.Millisecond)
	putSentAt(b, later)
	if got, _ := FindStamp(b); got.SentAt.Sub(now) != time.Millisecond {
		t.Errorf("%v after %v, want 1 ms", got.SentAt, now)
	}
}
