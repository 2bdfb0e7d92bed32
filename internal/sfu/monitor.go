package sfu

import (
	"math"
	"slices"
	"time"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/speaker"
	"aq-server/internal/types"
)

// monitor is the session's one goroutine. While something is published it
// ticks: who speaks (each tick), which layers flow and who wants them (each
// fifth tick), the keyframe dispatch (KeyframeInterval). An idle session
// sleeps.
func (s *Session) monitor() {
	defer recovery.RecoverWithPrefix("sfu monitor")
	const tick = 100 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	ticker.Stop()
	running := false
	lastDispatch := time.Now()
	for n := 0; ; n++ {
		select {
		case <-s.quit:
			return
		case <-s.wakeup:
			if publishing := len(s.trackList()) > 0; publishing != running {
				running = publishing
				if running {
					ticker.Reset(tick)
				} else {
					ticker.Stop()
				}
			}
			s.checkLayers()
			continue
		case <-ticker.C:
		}
		now := time.Now()
		s.updateSpeakers(now)
		if n%5 == 0 {
			s.checkLayers()
		}
		if now.Sub(lastDispatch) >= s.opts.KeyframeInterval {
			lastDispatch = now
			s.DispatchKeyFrame()
		}
	}
}

// levelInterval is the least time between two speakers events that differ in
// levels only.
const levelInterval = 500 * time.Millisecond

// updateSpeakers tells the clients who speaks when that has changed, and gives
// the audio slots to the loudest where there are more voices than slots.
func (s *Session) updateSpeakers(now time.Time) {
	s.speakerMu.Lock()
	list, changed := s.speakers.Update(now)
	ranking := s.speakers.Loudest(math.MaxInt)
	s.speakerMu.Unlock()
	if !slices.Equal(ranking, *s.voices.Load()) {
		s.voices.Store(&ranking)
		for _, p := range s.peerList() {
			if p.scarce.Load() {
				p.markDirty()
			}
		}
	}
	if !changed && !s.levelsDue {
		return
	}
	same := slices.EqualFunc(list, s.lastSpoke, func(e speaker.Entry[types.PeerID], id types.PeerID) bool { return e.Key == id })
	if s.levelsDue = same && now.Sub(s.speakersAt) < levelInterval; s.levelsDue {
		return
	}
	s.speakersAt, s.lastSpoke = now, s.lastSpoke[:0]
	for _, e := range list {
		s.lastSpoke = append(s.lastSpoke, e.Key)
	}
	event := types.Speakers{Speakers: make([]types.Speaker, 0, len(list))}
	for _, e := range list {
		event.Speakers = append(event.Speakers, types.Speaker{PeerID: e.Key, Level: e.Level})
	}
	m := types.NewMessage(types.EventSpeakers, event)
	s.lastSpeakers.Store(&m)
	for _, p := range s.peerList() {
		if p.extended() {
			p.send(m)
		}
	}
}

// layerSurplus is how long a layer is still asked for after its last viewer
// has gone: views change back and forth, and a layer that was switched off
// needs a keyframe and about 0.1 s to come back.
const layerSurplus = 3 * time.Second

// checkLayers notices layers that have fallen silent, lets their subscribers
// choose another, and tells publishers which layers somebody watches.
func (s *Session) checkLayers() {
	now := s.clock.at(time.Now())
	for _, t := range s.trackList() {
		changed := false
		for _, l := range *t.layers.Load() {
			if l.flowing.Load() && now-l.lastPacket.Load() > int64(flowTimeout) && l.codec.IsVideo() {
				l.flowing.Store(false)
				changed = true
			}
		}
		if changed {
			t.retarget()
		}
		if t.simulcast() {
			s.updateDemand(t, now)
		}
	}
}

// updateDemand sends the publisher of t the layers that are wanted. The
// smallest is always wanted, so that the next viewer has a picture at once.
func (s *Session) updateDemand(t *Track, now int64) {
	want, asked := t.wanted()|1, t.demanded.Load()
	if asked == want {
		t.surplusSince = 0
		return
	}
	if want&^asked == 0 { // only fewer
		if t.surplusSince == 0 {
			t.surplusSince = now
		}
		if now-t.surplusSince < int64(layerSurplus) {
			return
		}
	}
	t.surplusSince = 0
	t.demanded.Store(want)
	t.conn.peer.send(t.layersEvent())
}

// layersEvent tells the publisher which layers are asked of him.
func (t *Track) layersEvent() types.Message {
	asked := t.demanded.Load()
	var rids []string
	for rank, rid := range simulcastRIDs {
		if asked&(1<<rank) != 0 {
			rids = append(rids, rid)
		}
	}
	return types.NewMessage(types.EventLayers, types.Layers{Tracks: []types.LayerDemand{
		{MID: t.mid, Source: t.info.Source, RIDs: rids},
	}})
}
