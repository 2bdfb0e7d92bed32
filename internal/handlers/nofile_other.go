//go:build !unix

package handlers

// There is no limit to look at on this system.
func fileLimit() int { return 0 }

func openFiles() int { return -1 }
