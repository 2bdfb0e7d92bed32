package config

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Help returns the text of --help.
func Help() string {
	var b strings.Builder
	b.WriteString(`AQ Server: meetings in the browser from one binary on one port.

Usage:
  server [flags]               run the server
  server healthcheck [flags]   ask the server running on this machine; exit code 0 when it is well
  server token [flags]         print a token that lets somebody in, and the link for him

Each setting is a flag and an environment variable; the flag wins. An empty
value is none. Secrets have no flag.

`)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  FLAG\tVARIABLE\tDEFAULT\tMEANING")
	for _, s := range settings() {
		flag := "-" + s.flag
		if s.flag == "" {
			flag = ""
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", flag, s.variable, orNone(s.shown), s.meaning())
	}
	fmt.Fprintln(w, "  -help\t\t\tthis text")
	fmt.Fprintln(w, "  -version\t\t\tthe version")
	_ = w.Flush() // a strings.Builder cannot fail
	return b.String()
}

// Markdown returns the table of the README, without the markers around it.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, s := range settings() {
		shown := orNone(s.shown)
		if s.def != "" {
			shown = "`" + s.def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.variable, shown, s.meaning())
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// meaning is the help, with the allowed values where it does not name them.
func (s setting) meaning() string {
	for _, word := range s.oneof {
		if !strings.Contains(s.help, word+":") {
			return fmt.Sprintf("%s (%s)", s.help, s.allowed)
		}
	}
	return s.help
}
