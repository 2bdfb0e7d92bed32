package types

// Events of files (docs/protocol.md, "Files").
const (
	EventFile  = "file"
	EventFiles = "files"
)

// SourceFiles is what a client publishes to have a data channel for files. It is
// no track, and so not among Sources; in a SourceSet it stands for what a client
// offers to others.
const SourceFiles Source = "files"

// KindData is the kind of SourceFiles.
const KindData Kind = "data"

// FilesLabel is the label of the data channel.
const FilesLabel = "files"

// ChunkSize is the most bytes of a file that one message of the data channel
// carries: all chunks of a file but its last have it. Before them stand the file's
// id and the number of the chunk, from 0, both with four bytes, the highest first.
const (
	ChunkSize   = 16 << 10
	ChunkHeader = 8
)

// FileAction is what is done with a file.
type FileAction string

// What clients and the server say of files. Which fields an action has stands
// beside it; the server adds file_id and peer_id.
const (
	FileOffer    FileAction = "offer"    // name, size, type, to, ref; from the server also from
	FileAccept   FileAction = "accept"   // file_id
	FileRefuse   FileAction = "refuse"   // file_id
	FileCancel   FileAction = "cancel"   // file_id
	FileDone     FileAction = "done"     // file_id
	FileProgress FileAction = "progress" // file_id, peer_id, bytes
	FileEnd      FileAction = "end"      // file_id, peer_id, reason
)

// File is the data of a file event.
type File struct {
	Action FileAction `json:"action"`
	FileID uint32     `json:"file_id,omitempty"`
	// PeerID is the receiver whom it is about.
	PeerID PeerID `json:"peer_id,omitempty"`

	FileInfo

	Bytes  int64      `json:"bytes,omitempty"`
	Reason FileReason `json:"reason,omitempty"`
}

// FileInfo describes a file that somebody offers.
type FileInfo struct {
	From PeerID `json:"from,omitempty"`
	// To is the only one to whom it is offered, empty for all who are there.
	To   PeerID `json:"to,omitempty"`
	Name string `json:"name,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size,omitempty"`
	// Type is a MIME type as its sender says it.
	Type string `json:"type,omitempty"`
	// Ref is the sender's own name for it, told to nobody else.
	Ref string `json:"ref,omitempty"`
}

// FileReason says why a file is not on its way to somebody any more.
type FileReason string

// How it ends.
const (
	FileReceived   FileReason = "done"
	FileRefused    FileReason = "refused"    // the receiver did not want it
	FileCancelled  FileReason = "cancelled"  // he has changed his mind
	FileWithdrawn  FileReason = "withdrawn"  // the sender has
	FileLeft       FileReason = "left"       // one of the two has left
	FileStalled    FileReason = "stalled"    // nothing moves any more
	FileConnection FileReason = "connection" // the data channel of one of the two is gone
	FileForbidden  FileReason = "forbidden"  // the sender may not write in the room any more
	FileExpired    FileReason = "expired"    // nobody took it
	FileFault      FileReason = "fault"      // the sender sent what he was not asked for
)

// FileState is a file as one of the two sees it, in a files event.
type FileState struct {
	FileID uint32 `json:"file_id"`
	FileInfo
	Receivers []FileReceiver `json:"receivers"`
}

// FileReceiver is one to whom a file is offered.
type FileReceiver struct {
	PeerID   PeerID `json:"peer_id"`
	Accepted bool   `json:"accepted"`
	Bytes    int64  `json:"bytes"` // on their way to him, or there
}

// Files are all that concern the client, after a break.
type Files struct {
	Files []FileState `json:"files"`
}

// FileLimits tells clients what may be sent; 0: no files.
type FileLimits struct {
	MaxBytes int64 `json:"max_bytes"`
}

// Pull asks a sender, on the data channel, for chunks of a file. It may overtake
// what the WebSocket says of the file, so it has his own name for it as well.
type Pull struct {
	FileID uint32 `json:"file_id"`
	Ref    string `json:"ref,omitempty"`
	Chunk  uint32 `json:"chunk"` // the first
	Count  uint32 `json:"count"`
}
