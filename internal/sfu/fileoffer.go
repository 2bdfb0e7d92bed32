package sfu

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"aq-server/internal/sfu/transfer"
	"aq-server/internal/types"
)

// File takes what a client says of files. Mistakes are told late, all of them in
// the order of what was said, with the client's ref.
func (p *Peer) File(f types.File) *types.ProtocolError {
	if !slices.Contains([]types.FileAction{
		types.FileOffer, types.FileAccept, types.FileRefuse, types.FileCancel, types.FileDone,
	}, f.Action) {
		return types.Errorf(types.CodeBadMessage, "there is no such action with files")
	}
	if err := p.mayHaveFiles(); err != nil {
		err.Ref = f.Ref
		p.session.opts.Metrics.FileRefused(string(err.Code))
		return err
	}
	if c := p.session.openFiles(); c != nil {
		c.do(func() {
			if err := c.handle(p, f); err != nil {
				err.Ref = f.Ref
				p.session.opts.Metrics.FileRefused(string(err.Code))
				p.reject(types.EventFile, err)
			}
		})
	}
	return nil
}

func (p *Peer) mayHaveFiles() *types.ProtocolError {
	switch {
	case p.session.opts.FileMaxBytes <= 0:
		return types.Errorf(types.CodeFilesOff, "files cannot be sent on this server")
	case !p.extended():
		return types.Errorf(types.CodeNotPermitted, "files need protocol=1")
	}
	return nil
}

// publishFiles has the next offer carry a data channel; unpublishFiles ends what
// goes over it. Who only wants to receive may ask for it as well.
func (p *Peer) publishFiles(m types.Publish, wanted bool) *types.ProtocolError {
	if m.Kind != "" && m.Kind != types.KindData {
		return types.Errorf(types.CodeBadSource, "files are of the kind data")
	}
	if err := p.mayHaveFiles(); err != nil {
		return err
	}
	if wanted {
		p.wantFiles()
		return nil
	}
	p.session.withFiles(func(c *courier) {
		c.endAll(types.FileWithdrawn, func(f *sharedFile, _ *fileReceiver) bool { return f.from == p })
		c.endAll(types.FileCancelled, func(_ *sharedFile, r *fileReceiver) bool { return r.peer == p })
	})
	return nil
}

func (p *Peer) wantFiles() {
	if !p.filesWanted.Swap(true) {
		p.markDirty()
	}
}

// arrangeFiles adds the data channel for a client that needs one.
func (p *Peer) arrangeFiles(stable bool) (structural bool, err error) {
	if p.conn.files != nil || !p.filesWanted.Load() {
		return false, nil
	}
	if stable {
		err = p.conn.addFileChannel()
	}
	return true, err
}

func (c *courier) handle(p *Peer, f types.File) *types.ProtocolError {
	if f.Action == types.FileOffer {
		return c.offer(p, f.FileInfo)
	}
	file := c.find(f.FileID)
	var r *fileReceiver
	if file != nil {
		if i := slices.IndexFunc(file.receivers, func(r *fileReceiver) bool { return r.peer == p }); i >= 0 {
			r = file.receivers[i]
		}
	}
	switch {
	case file != nil && file.from == p && f.Action == types.FileCancel:
		c.endAll(types.FileWithdrawn, func(o *sharedFile, _ *fileReceiver) bool { return o == file })
	case r == nil:
		return types.Errorf(types.CodeNoSuchFile, "that file is not offered to you, or not any more")
	case f.Action == types.FileAccept:
		c.accept(file, r)
	case f.Action == types.FileDone && r.whole.IsZero():
		return types.Errorf(types.CodeBadMessage, "you have not got all of it")
	case f.Action == types.FileDone:
		c.end(file, r, types.FileReceived)
	case r.accepted.IsZero():
		c.end(file, r, types.FileRefused)
	default:
		c.end(file, r, types.FileCancelled)
	}
	return nil
}

// offer tells the others of a file, and its sender under which id they know it.
func (c *courier) offer(p *Peer, info types.FileInfo) *types.ProtocolError {
	limit := c.session.opts.FileMaxBytes
	switch {
	case p.blocks(types.SourceFiles):
		return types.Errorf(types.CodeNotPermitted, "you may not write in this room, nor send files")
	case info.Size < 1:
		return types.Errorf(types.CodeBadMessage, "a file has a size of at least one byte")
	case info.Size > limit:
		return types.Errorf(types.CodeFileTooLarge, "a file has at most %d bytes", limit)
	}
	now := time.Now()
	if c.offers[p] == nil {
		c.offers[p] = rate.NewLimiter(offerRate, offerBurst)
	}
	if !c.offers[p].AllowN(now, 1) || !c.makePlace(p) {
		return types.Errorf(types.CodeTooManyFiles, "you offer too many files at once")
	}
	f := &sharedFile{
		from: p, info: info, chunks: int((info.Size + types.ChunkSize - 1) / types.ChunkSize), touched: now, told: now,
	}
	f.stream = transfer.New[*fileReceiver](f.chunks)
	for _, other := range c.session.peerList() {
		if other != p && other.extended() && (info.To == "" || other.ID() == info.To) {
			f.receivers = append(f.receivers, &fileReceiver{peer: other})
		}
	}
	if len(f.receivers) == 0 {
		return types.Errorf(types.CodeNoSuchPeer, "nobody is there who could take it")
	}
	c.lastID++
	f.id = c.lastID
	c.files = append(c.files, f)
	c.session.opts.Metrics.FileOffers.Add(1)
	p.wantFiles() // so that it can begin as soon as it is accepted
	p.sendFile(types.File{Action: types.FileOffer, FileID: f.id, FileInfo: info})
	info.Ref = ""
	told := types.NewMessage(types.EventFile, types.File{Action: types.FileOffer, FileID: f.id, FileInfo: info})
	for _, r := range f.receivers {
		r.peer.send(told)
	}
	return nil
}

// makePlace reports whether a person may offer one more. His oldest offer that
// nobody has taken gives way.
func (c *courier) makePlace(p *Peer) bool {
	mine := slices.DeleteFunc(slices.Clone(c.files), func(f *sharedFile) bool { return f.from != p })
	if len(mine) < maxFiles {
		return true
	}
	slices.SortFunc(mine, func(a, b *sharedFile) int { return int(a.id) - int(b.id) })
	for _, f := range mine {
		if !f.accepted() {
			c.endAll(types.FileExpired, func(o *sharedFile, _ *fileReceiver) bool { return o == f })
			return true
		}
	}
	return false
}

func (c *courier) accept(f *sharedFile, r *fileReceiver) {
	if !r.accepted.IsZero() {
		return
	}
	now := time.Now()
	r.accepted, f.touched = now, now
	f.from.wantFiles()
	r.peer.wantFiles()
	f.stream.Join(r)
	f.from.sendFile(types.File{Action: types.FileAccept, FileID: f.id, PeerID: r.peer.ID()})
	c.pump(now)
}

// accepted tells whether somebody has accepted the file who has not got it yet.
func (f *sharedFile) accepted() bool {
	return slices.ContainsFunc(f.receivers, func(r *fileReceiver) bool { return !r.accepted.IsZero() })
}

func (c *courier) find(id uint32) *sharedFile {
	for _, f := range c.files {
		if f.id == id {
			return f
		}
	}
	return nil
}

// end tells both that a file is not on its way to somebody any more.
func (c *courier) end(f *sharedFile, r *fileReceiver, reason types.FileReason) {
	f.receivers = slices.DeleteFunc(f.receivers, func(o *fileReceiver) bool { return o == r })
	f.stream.Leave(r)
	if len(f.receivers) == 0 {
		c.files = slices.DeleteFunc(c.files, func(o *sharedFile) bool { return o == f })
	}
	c.session.opts.Metrics.FileEnded(string(reason))
	told := types.NewMessage(types.EventFile, types.File{
		Action: types.FileEnd, FileID: f.id, PeerID: r.peer.ID(), Bytes: r.bytes, Reason: reason,
	})
	f.from.send(told)
	r.peer.send(told)
}

// endAll ends all of which which is true.
func (c *courier) endAll(reason types.FileReason, which func(*sharedFile, *fileReceiver) bool) {
	for _, f := range slices.Clone(c.files) {
		for _, r := range slices.Clone(f.receivers) {
			if which(f, r) {
				c.end(f, r, reason)
			}
		}
	}
}

// left forgets somebody who is gone.
func (c *courier) left(p *Peer) {
	delete(c.channels, p)
	delete(c.offers, p)
	c.endAll(types.FileLeft, func(f *sharedFile, r *fileReceiver) bool { return f.from == p || r.peer == p })
}

// forbid takes away what somebody offers who may not write any more.
func (c *courier) forbid(p *Peer) {
	c.endAll(types.FileForbidden, func(f *sharedFile, _ *fileReceiver) bool { return f.from == p })
}

// tell tells somebody who was away of all the files that concern him.
func (c *courier) tell(p *Peer) {
	list := types.Files{Files: []types.FileState{}}
	for _, f := range c.files {
		state := types.FileState{FileID: f.id, FileInfo: f.info}
		if f.from != p {
			state.Ref = ""
		}
		for _, r := range f.receivers {
			if f.from == p || r.peer == p {
				state.Receivers = append(state.Receivers, types.FileReceiver{
					PeerID: r.peer.ID(), Accepted: !r.accepted.IsZero(), Bytes: r.bytes,
				})
			}
		}
		if state.Receivers != nil {
			list.Files = append(list.Files, state)
		}
	}
	p.send(types.NewMessage(types.EventFiles, list))
}
