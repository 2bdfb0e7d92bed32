// Package survival attacks the built server from outside while a call in another
// room goes on, the canary, that nothing may disturb. It runs in short form with
// the other tests and in full with `make survival` (SURVIVAL=full).
package survival
