package room

import (
	"unicode/utf8"

	"aq-server/internal/names"
	"aq-server/internal/types"
)

// maxRef is the longest name that a sender may give a file of his for himself, in
// characters.
const maxRef = 64

// File passes a file event on to media, with names that are safe to show. Whether
// he may offer anything media knows by what it was told to block.
func (m *Member) File(f types.File) *types.ProtocolError {
	if f.Action == types.FileOffer {
		if utf8.RuneCountInString(f.Ref) > maxRef {
			return types.Errorf(types.CodeBadMessage, "a ref has at most %d characters", maxRef)
		}
		f.FileInfo = types.FileInfo{
			From: m.peer.ID, To: f.To, Name: names.File(f.Name), Type: names.FileType(f.Type), Size: f.Size, Ref: f.Ref,
		}
	}
	return m.Media().File(f)
}
