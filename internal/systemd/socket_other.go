//go:build !unix

package systemd

import "os"

// unsuitable is never asked: there is no systemd that would pass a file.
func unsuitable(*os.File) string { return "is of no use on this system" }
