package app

import (
	"time"

	"aq-server/internal/room"
	"aq-server/internal/sfu"
	"aq-server/internal/sfu/packet"
)

// answerTimeout is the default of Options.AnswerTimeout.
const answerTimeout = 30 * time.Second

// newMedia returns the constructor of a room's media.
func (a *App) newMedia() func(string) room.Media {
	options := sfu.Options{
		API: a.api, Metrics: a.metrics, Log: a.log, Pool: packet.NewPool(),
		KeyframeInterval: a.config.KeyframeInterval,
		KeyframeDispatch: sfu.DispatchMode(a.config.KeyframeDispatch),
		VideoSlots:       a.config.VideoSlots, AudioSlots: a.config.AudioSlots,
		FileMaxBytes: a.config.FileMaxBytes, FileRate: a.config.FileRate,
		AnswerTimeout: a.answerTimeout,
	}
	return func(name string) room.Media { return media{sfu.NewSession(options, name)} }
}

// media is a sfu.Session as a room sees it: room knows nothing of sfu's types.
type media struct{ session *sfu.Session }

func (m media) AddPeerConnection(c room.MediaConfig) room.MediaPeer {
	return m.session.AddPeerConnection(sfu.PeerConfig{
		Peer: c.Peer, Signaller: c.Signaller, Observer: c.Observer, Permissions: c.Permissions, Blocked: c.Blocked,
		Log: c.Log, Errors: c.Errors,
	})
}

func (m media) RemovePeerConnection(p room.MediaPeer) {
	m.session.RemovePeerConnection(p.(*sfu.Peer)) // made by AddPeerConnection above
}

func (m media) Close() { m.session.Close() }
