package metrics

import "slices"

// fileEndNames are the reasons for which a file is not on its way to somebody any
// more (types.FileReason), and one name for any other.
var fileEndNames = [fileEnds]string{
	"other", "done", "refused", "cancelled", "withdrawn", "left", "stalled", "connection", "forbidden", "expired", "fault",
}

// fileRefusalNames are the codes with which an event about files is refused
// (types.ErrorCode), and one name for any other.
var fileRefusalNames = [fileRefusals]string{
	"other", "files_off", "not_permitted", "bad_message", "file_too_large", "too_many_files", "no_such_peer", "no_such_file",
}

const (
	fileEnds     = 11
	fileRefusals = 8
)

// FileEnded counts a file that is not on its way to somebody any more.
func (m *Metrics) FileEnded(reason string) {
	m.FileEnds[max(slices.Index(fileEndNames[:], reason), 0)].Add(1)
}

// FileRefused counts an event about files that was refused.
func (m *Metrics) FileRefused(code string) {
	m.FileRefusals[max(slices.Index(fileRefusalNames[:], code), 0)].Add(1)
}
