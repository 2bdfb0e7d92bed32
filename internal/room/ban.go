package room

import (
	"crypto/sha256"

	"aq-server/internal/types"
)

// maxBans bounds what a room remembers of those who were sent away.
const maxBans = 4096

// A ban is by what somebody is known by: the subject of his token, the cookie of
// his browser, the token that he would come back with. A name is not an identity.
// What is kept is a hash, since the latter two are secrets.
type ban [sha256.Size]byte

func banOf(kind, value string) ban { return sha256.Sum256([]byte(kind + "\x00" + value)) }

// bansOf lists by what a join is known.
func bansOf(req JoinRequest) (list []ban) {
	if req.Grant != nil && req.Grant.Subject != "" {
		list = append(list, banOf("subject", req.Grant.Subject))
	}
	if req.Device != "" {
		list = append(list, banOf("device", req.Device))
	}
	if req.Resume != "" {
		list = append(list, banOf("resume", req.Resume))
	}
	return list
}

// banLocked keeps a member out for as long as the room lives. It returns him and
// whoever else is the same, in another window.
func (r *Room) banLocked(m *Member) (same []*Member) {
	var list []ban
	if m.subject != "" {
		list = append(list, banOf("subject", m.subject))
	}
	if m.device != "" {
		list = append(list, banOf("device", m.device))
	}
	for _, token := range []string{m.token, m.used, m.retired} {
		if token != "" {
			list = append(list, banOf("resume", token))
		}
	}
	for _, b := range list {
		if len(r.bans) < maxBans {
			r.bans[b] = struct{}{}
		}
	}
	for _, o := range r.members {
		if o == m || o.subject != "" && o.subject == m.subject || o.device != "" && o.device == m.device {
			same = append(same, o)
		}
	}
	return same
}

// bannedLocked tells whether a join is of somebody who was sent away.
func (r *Room) bannedLocked(req JoinRequest) bool {
	for _, b := range bansOf(req) {
		if _, banned := r.bans[b]; banned {
			return true
		}
	}
	return false
}

// turnedAwayLocked says why a newcomer may not come in, nil if he may.
func (r *Room) turnedAwayLocked(req JoinRequest) error {
	switch {
	case r.bannedLocked(req):
		return errRemoved()
	case r.policy.Locked && !(req.Grant != nil && req.Grant.Permissions.Moderate):
		return types.Errorf(types.CodeRoomLocked, "the room is locked")
	}
	return nil
}
