package client

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// files is what a client offers and takes. Order: files.mu is never held while
// Client.mu is taken.
type files struct {
	mu      sync.Mutex
	refs    int
	offered map[string][]byte // by ref
	taking  map[uint32]*taking
	channel *webrtc.DataChannel // the last that was opened; nil before
}

// taking is a file that is on its way here.
type taking struct {
	content []byte
	missing map[uint32]bool // chunks
}

// OfferFile offers a file to one in the room, or to all (""), and sends it to
// whoever accepts it. The ref is in the events about it and in refusals.
func (c *Client) OfferFile(name, kind string, content []byte, to types.PeerID) (ref string, err error) {
	c.files.mu.Lock()
	if c.files.offered == nil {
		c.files.offered = map[string][]byte{}
	}
	c.files.refs++
	ref = strconv.Itoa(c.files.refs)
	c.files.offered[ref] = content
	c.files.mu.Unlock()
	return ref, c.sayFile(types.File{Action: types.FileOffer, FileInfo: types.FileInfo{
		Name: name, Type: kind, Size: int64(len(content)), To: to, Ref: ref,
	}})
}

// AcceptFile takes a file that was offered; what has come is in State.Received.
func (c *Client) AcceptFile(id uint32) error {
	var size int64
	c.View(func(s *State) {
		if f, ok := s.File(types.FileOffer, id); ok {
			size = f.Size
		}
	})
	c.files.mu.Lock()
	if c.files.taking == nil {
		c.files.taking = map[uint32]*taking{}
	}
	t := &taking{content: make([]byte, size), missing: map[uint32]bool{}}
	for i := range (size + types.ChunkSize - 1) / types.ChunkSize {
		t.missing[uint32(i)] = true
	}
	c.files.taking[id] = t
	c.files.mu.Unlock()
	return c.sayFile(types.File{Action: types.FileAccept, FileID: id})
}

// RefuseFile refuses a file that was offered.
func (c *Client) RefuseFile(id uint32) error {
	return c.sayFile(types.File{Action: types.FileRefuse, FileID: id})
}

// CancelFile ends a file: one's own for all, that of another for oneself.
func (c *Client) CancelFile(id uint32) error {
	return c.sayFile(types.File{Action: types.FileCancel, FileID: id})
}

// SendChannel sends anything on the data channel, for tests of what a server does
// about it.
func (c *Client) SendChannel(message []byte) error {
	c.files.mu.Lock()
	dc := c.files.channel
	c.files.mu.Unlock()
	if dc == nil {
		return fmt.Errorf("client: no data channel")
	}
	return dc.Send(message)
}

// HasChannel tells whether a data channel is open.
func (c *Client) HasChannel() bool {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	return c.files.channel != nil && c.files.channel.ReadyState() == webrtc.DataChannelStateOpen
}

func (c *Client) sayFile(f types.File) error { return c.Send(types.NewMessage(types.EventFile, f)) }

// useChannel reads the data channel that the server has opened.
func (c *Client) useChannel(dc *webrtc.DataChannel) {
	if dc.Label() != types.FilesLabel {
		return
	}
	c.files.mu.Lock()
	c.files.channel = dc
	c.files.mu.Unlock()
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		defer recovery.RecoverWithPrefix("client data channel")
		if m.IsString {
			c.pulled(dc, m.Data)
		} else {
			c.chunk(m.Data)
		}
	})
}

// pulled sends what the server asks for.
func (c *Client) pulled(dc *webrtc.DataChannel, text []byte) {
	var p types.Pull
	if err := json.Unmarshal(text, &p); err != nil {
		c.fail(fmt.Errorf("client: pull: %w", err))
		return
	}
	c.files.mu.Lock()
	content := c.files.offered[p.Ref]
	c.files.mu.Unlock()
	for chunk := p.Chunk; chunk < p.Chunk+p.Count; chunk++ {
		from := int(chunk) * types.ChunkSize
		if from >= len(content) {
			c.fail(fmt.Errorf("client: asked for chunk %d of a file of %d bytes", chunk, len(content)))
			return
		}
		if dc.Send(Chunk(p.FileID, chunk, content[from:min(from+types.ChunkSize, len(content))])) != nil {
			return // it is closing
		}
	}
}

// Chunk makes the message that carries a chunk.
func Chunk(file, chunk uint32, payload []byte) []byte {
	message := make([]byte, types.ChunkHeader, types.ChunkHeader+len(payload))
	binary.BigEndian.PutUint32(message, file)
	binary.BigEndian.PutUint32(message[4:], chunk)
	return append(message, payload...)
}

// chunk puts a chunk in its place, and says when a file is whole.
func (c *Client) chunk(message []byte) {
	id, chunk := binary.BigEndian.Uint32(message), binary.BigEndian.Uint32(message[4:])
	if c.opts.OnChunk != nil {
		c.opts.OnChunk(c.ctx, id, chunk)
	}
	c.files.mu.Lock()
	t := c.files.taking[id]
	if t == nil || !t.missing[chunk] {
		c.files.mu.Unlock()
		c.fail(fmt.Errorf("client: chunk %d of file %d, which is not missing", chunk, id))
		return
	}
	delete(t.missing, chunk)
	copy(t.content[int(chunk)*types.ChunkSize:], message[types.ChunkHeader:])
	whole := len(t.missing) == 0
	c.files.mu.Unlock()
	if whole {
		c.update(func(s *State) { s.Received[id] = t.content })
		_ = c.sayFile(types.File{Action: types.FileDone, FileID: id}) // a lost socket is seen by its reader
	}
}
