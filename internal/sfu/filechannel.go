package sfu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/transfer"
	"aq-server/internal/types"
)

const (
	// upQueue and downQueue are how long the packets of others may wait because of
	// files. A client answers when it has time, so the way from it is known less
	// well; pictures give way to a queue of 30 ms and more.
	upQueue, downQueue = 80 * time.Millisecond, 25 * time.Millisecond
	// A queue stands on the way from a client when none of at least answersLook
	// answers in answerTime came without waiting: one alone may have found him busy.
	answersLook = 3
	answerTime  = 250 * time.Millisecond
	// channelWindow is how much may wait in a data channel toward one client, in
	// chunks: what one who does not take it makes the server hold. Twice that is
	// the end, for what was already on its way.
	channelWindow = 16
	// pullWindow is how many chunks of one file a sender may owe, and maxPull how
	// many one message asks for.
	pullWindow = 16
	maxPull    = 8
)

// fileChannel is the data channel of one connection.
type fileChannel struct {
	// Set before its reader starts, then constant.
	conn *connection
	dc   interface{ BufferedAmount() uint64 }
	// wire is the channel without pion's reader, which would keep a buffer of
	// 64 KiB, and start for each channel that a client opens of its own accord.
	wire interface {
		ReadDataChannel(p []byte) (n int, isString bool, err error)
		WriteDataChannel(p []byte, isString bool) (int, error)
	}

	// Owned by the courier.
	up      *transfer.Pace // of what its client is asked for
	down    *transfer.Pace // of what it is sent
	pulls   []pulled       // that are not answered, the oldest first
	answer  time.Duration  // the shortest time that an answer has taken; 0: unknown
	answers int            // since looked
	least   time.Duration  // that one of them has waited
	looked  time.Time
	written uint64
	acked   uint64
	moved   time.Time // when its client last took something, or began to be owed
}

// pulled is a request to a sender.
type pulled struct {
	file  uint32
	chunk uint32 // the first
	at    time.Time
}

// addFileChannel has the next offer carry a data channel for files.
func (c *connection) addFileChannel() error {
	dc, err := c.pc.CreateDataChannel(types.FilesLabel, nil) // reliable, in order
	if err != nil {
		return fmt.Errorf("add the data channel: %w", err)
	}
	courier := c.session().openFiles()
	if courier == nil {
		return nil // the session ends
	}
	c.files = dc
	dc.SetBufferedAmountLowThreshold(channelWindow * types.ChunkSize / 2)
	dc.OnBufferedAmountLow(courier.wake) // under pion's locks
	dc.OnOpen(func() {
		defer recovery.RecoverFunc("sfu data channel", func(any) { c.peer.fail(errPanic) })
		wire, err := dc.Detach()
		if err != nil {
			c.peer.log.Debug("data channel not used", "err", err)
			return
		}
		ch := &fileChannel{conn: c, dc: dc, wire: wire}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.isClosed() {
			c.wg.Go(func() { ch.read(courier) }) // ends with the PeerConnection, awaited by close
		}
	})
	return nil
}

// refuseChannels ends the association of a client that opens channels of its own:
// each would cost memory for as long as the PeerConnection lives.
func (c *connection) refuseChannels(dc *webrtc.DataChannel) {
	defer recovery.RecoverWithPrefix("sfu OnDataChannel")
	c.peer.log.Info("data channel of the client refused", "label_length", len(dc.Label()))
	c.stopChannels()
}

func (c *connection) stopChannels() {
	if err := c.pc.SCTP().Stop(); err != nil {
		c.peer.log.Debug("data channels not stopped", "err", err)
	}
}

var errNotAChunk = errors.New("not a chunk of a file")

// read hands what the client sends to the courier, who takes it at once. A client
// that sends anything but chunks loses its channel.
func (ch *fileChannel) read(courier *courier) {
	defer recovery.RecoverFunc("sfu file channel", func(any) { ch.conn.peer.fail(errPanic) })
	courier.do(func() { courier.opened(ch) })
	err := ch.readChunks(courier)
	courier.do(func() { courier.closed(ch) })
	if errors.Is(err, errNotAChunk) || errors.Is(err, io.ErrShortBuffer) {
		ch.conn.peer.log.Info("data channel ended", "err", err)
		ch.conn.stopChannels()
	}
}

func (ch *fileChannel) readChunks(courier *courier) error {
	buffer := make([]byte, types.ChunkHeader+types.ChunkSize)
	for {
		n, text, err := ch.wire.ReadDataChannel(buffer)
		switch {
		case err != nil:
			return err
		case text, n <= types.ChunkHeader:
			return errNotAChunk
		}
		message := append([]byte(nil), buffer[:n]...)
		courier.do(func() { courier.chunk(ch.conn.peer, message) })
	}
}

// buffered is how many bytes the client has not taken yet. Courier.
func (ch *fileChannel) buffered(now time.Time) int {
	waiting := ch.dc.BufferedAmount()
	if acked := ch.written - min(ch.written, waiting); acked > ch.acked {
		ch.down.Moved(now, int(acked-ch.acked))
		ch.acked, ch.moved = acked, now
	}
	return int(waiting)
}

// write queues a message. It does not wait.
func (ch *fileChannel) write(message []byte, text bool, now time.Time) error {
	if ch.buffered(now) == 0 {
		ch.moved = now
	}
	n, err := ch.wire.WriteDataChannel(message, text)
	ch.written += uint64(n)
	return err
}

func (ch *fileChannel) pull(p types.Pull, now time.Time) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ch.pulls = append(ch.pulls, pulled{file: p.FileID, chunk: p.Chunk, at: now})
	ch.up.Take(now, int(p.Count))
	return ch.write(text, true, now)
}

// answered looks whether a chunk is the first of what was asked for: by how much
// longer than the shortest the answer took, so long it has waited on the way.
func (ch *fileChannel) answered(file, chunk uint32, now time.Time) {
	i := slices.IndexFunc(ch.pulls, func(p pulled) bool { return p.file == file && p.chunk == chunk })
	if i < 0 {
		return
	}
	took := now.Sub(ch.pulls[i].at)
	ch.pulls = slices.Delete(ch.pulls, 0, i+1) // older ones are of files that have ended
	if ch.answer == 0 || took < ch.answer {
		ch.answer = took
	}
	if wait := took - ch.answer; ch.answers == 0 || wait < ch.least {
		ch.least = wait
	}
	if ch.answers++; ch.answers >= answersLook && now.Sub(ch.looked) >= answerTime {
		ch.up.Observe(now, ch.least)
		ch.answers, ch.looked = 0, now
	}
}
