package room

import "aq-server/internal/types"

// Grant is what a token allows its bearer in a room.
type Grant struct {
	Permissions types.Permissions
	// Subject is who he is to whoever signed the token; may be empty.
	Subject string
	// Named: the username of the join is the token's, and stays.
	Named bool
}
