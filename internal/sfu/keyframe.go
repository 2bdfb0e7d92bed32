package sfu

import "time"

const (
	// keyframeInterval is the least time between two requests for a keyframe
	// of one layer, however many subscribers ask (docs/limits.md, L12).
	keyframeInterval = 500 * time.Millisecond
)

// DispatchMode says what DispatchKeyFrame asks for.
type DispatchMode string

const (
	// DispatchNeeded asks for the layers where a subscriber has had no
	// keyframe since it started, has an unanswered request or sends no RTCP.
	DispatchNeeded DispatchMode = "needed"
	// DispatchAlways asks for every video layer that flows. It costs each
	// publisher a keyframe per interval: 5 to 10 times the size of an ordinary
	// frame, so the picture is blurred or the bit rate higher.
	DispatchAlways DispatchMode = "always"
)

// keyframeState is what a layer knows of the keyframes asked of it. Guarded by
// layer.mu.
type keyframeState struct {
	wanted bool
	asked  time.Time // last request; zero: never
}

// want notes that a subscriber needs a keyframe.
func (k *keyframeState) want() { k.wanted = true }

// due tells whether a request is to be sent now, and notes it as sent. Until a
// keyframe has been seen it is due again and again.
func (k *keyframeState) due(now time.Time) bool {
	if !k.wanted || !k.asked.IsZero() && now.Sub(k.asked) < keyframeInterval {
		return false
	}
	k.asked = now
	return true
}

// next returns when a request will be due; false: none is wanted.
func (k *keyframeState) next() (time.Time, bool) { return k.asked.Add(keyframeInterval), k.wanted }

// seen notes that a keyframe has begun.
func (k *keyframeState) seen() { k.wanted = false }

// requestKeyframe asks the layer's publisher for a keyframe: at once if the
// last request is long enough ago, else as soon as it is.
func (l *layer) requestKeyframe() {
	l.mu.Lock()
	l.key.want()
	l.mu.Unlock()
	l.feedback.wake()
}

// DispatchKeyFrame is the safety net below the requests on need: every
// KeyframeInterval it looks at each video layer of the session and asks for a
// keyframe as the mode says.
func (s *Session) DispatchKeyFrame() {
	for _, t := range s.trackList() {
		layers := *t.layers.Load()
		if len(layers) == 0 || !layers[0].codec.IsVideo() {
			continue
		}
		for _, l := range layers {
			if l.flowing.Load() && (s.opts.KeyframeDispatch == DispatchAlways || l.needsKeyframe()) {
				l.requestKeyframe()
			}
		}
	}
}

// needsKeyframe tells whether a subscriber of the layer waits for a keyframe,
// or is one that could not say so.
func (l *layer) needsKeyframe() bool {
	for _, s := range *l.track.subscribers.Load() {
		if s.needsKeyframe(l) {
			return true
		}
	}
	return false
}
