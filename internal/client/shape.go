package client

import (
	"math/rand/v2"
	"time"
)

// maxPayload is the most that libwebrtc puts into one RTP packet of video: 1200
// bytes with the RTP header and a few header extensions.
const maxPayload = 1180

// keyframeScale is how much larger a keyframe of an encoder is than the frames
// between.
const keyframeScale = 10

// A shaper decides how large the frames of a synthetic encoder are and how they
// are cut into packets. Not safe for concurrent use.
type shaper struct {
	mean float64 // bytes of a frame that is no keyframe
	rand *rand.Rand
}

// newShaper shapes frames that come to so many bits a second, with a keyframe
// at each interval (0: none that count).
func newShaper(bitsPerSecond, fps int, keyframeEvery time.Duration, seed uint64) *shaper {
	perFrame := float64(bitsPerSecond) / 8 / float64(fps)
	if frames := keyframeEvery.Seconds() * float64(fps); frames >= 1 {
		perFrame *= frames / (frames + keyframeScale - 1)
	}
	return &shaper{mean: perFrame, rand: rand.New(rand.NewPCG(seed, 1))}
}

// next returns the size of each packet of the next frame, without the payload
// descriptor, whose size is given.
func (s *shaper) next(key bool, descriptor int) []int {
	// An encoder at a constant rate varies about as much: a quarter more or less
	// most of the time, seldom a half.
	size := s.mean * (1 + 0.25*min(max(s.rand.NormFloat64(), -2), 2))
	if key {
		size = s.mean * keyframeScale
	}
	return split(max(int(size), stampSize+descriptor), maxPayload-descriptor)
}

// split cuts size bytes into as few packets of at most limit bytes as it takes,
// whose sizes differ by one byte at most, the larger ones last: as libwebrtc's
// RtpPacketizer::SplitAboutEqually.
func split(size, limit int) []int {
	count := (size + limit - 1) / limit
	count = min(max(count, 1), 255) // the stamp counts in one byte
	size = min(size, count*limit)
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = size / count
		if i >= count-size%count {
			sizes[i]++
		}
	}
	return sizes
}
