package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// What the command line may ask for in place of a start.
var (
	// ErrHelp is returned by Load for --help.
	ErrHelp = errors.New("help wanted")
	// ErrHelpMarkdown is returned by Load for --help=markdown: the table of the
	// README.
	ErrHelpMarkdown = errors.New("help in Markdown wanted")
	// ErrVersion is returned by Load for --version.
	ErrVersion = errors.New("version wanted")
)

// A ValueError is a setting with a value that is not allowed. Its text is one
// line.
type ValueError struct {
	Variable string // PORT
	Value    string
	Allowed  string // "a port number from 1 to 65535"
}

// Error names the variable, the value and what is allowed.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s=%s is not allowed: want %s", e.Variable, quote(e.Value), e.Allowed)
}

// hidden stands in messages for the value of a secret.
const hidden = "(hidden)"

// Bad returns a ValueError for a setting that only proves wrong in use, such as
// a file that cannot be read. An empty allowed takes the text of the setting.
func Bad(variable, value, allowed string) *ValueError {
	if allowed == "" {
		for _, s := range settings() {
			if s.variable == variable {
				allowed = s.allowed
			}
		}
	}
	for _, s := range settings() {
		if s.variable == variable && s.secret && value != "" {
			value = hidden
		}
	}
	return &ValueError{Variable: variable, Value: value, Allowed: allowed}
}

// quote keeps a value on one line and short enough to read.
func quote(s string) string {
	const most = 256
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// Load reads the settings: flags (args, without the program's name) win over
// the environment ("NAME=value" strings), which wins over the defaults. An
// empty value is none. The error is a *ValueError, one of ErrHelp,
// ErrHelpMarkdown and ErrVersion, or says in one line what is wrong with args.
func Load(args, environ []string) (Config, error) {
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && value != "" {
			values[name] = value
		}
	}
	if err := parseFlags(args, values); err != nil {
		return Config{}, err
	}
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: values})
	var parse env.ParseError
	if errors.As(err, &parse) {
		for _, s := range settings() {
			if s.field == parse.Name {
				return Config{}, Bad(s.variable, values[s.variable], "")
			}
		}
	}
	if err != nil {
		return Config{}, err
	}
	if err := c.validate(values); err != nil {
		return Config{}, err
	}
	return c, nil
}

// parseFlags puts the values of flags into values, under their variables.
func parseFlags(args []string, values map[string]string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, s := range settings() {
		if s.flag == "" {
			continue
		}
		flags.Func(s.flag, "", func(value string) error {
			delete(values, s.variable)
			if value != "" {
				values[s.variable] = value
			}
			return nil
		})
	}
	var asked error
	help := func(value string) error {
		asked = ErrHelp
		if value == "markdown" {
			asked = ErrHelpMarkdown
		}
		return nil
	}
	flags.BoolFunc("help", "", help)
	flags.BoolFunc("h", "", help)
	flags.BoolFunc("version", "", func(string) error { asked = ErrVersion; return nil })
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w (see --help)", err)
	}
	if asked != nil {
		return asked
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %s (see --help)", quote(flags.Arg(0)))
	}
	return nil
}

// setting is one field of Config, as its tags describe it.
type setting struct {
	field    string // KeepalivePing
	index    int
	variable string // KEEPALIVE_PING
	flag     string // keepalive-ping; "" for a secret, which everybody could read in the list of processes
	secret   bool
	def      string // value when unset; "" for none
	shown    string // what help shows as the default
	allowed  string
	help     string
	oneof    []string // the only allowed values, if not nil
	min, max int      // bounds of an int
}

func settings() []setting {
	t := reflect.TypeFor[Config]()
	list := make([]setting, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		s := setting{
			field: f.Name, index: i,
			variable: f.Tag.Get("env"), def: f.Tag.Get("envDefault"), shown: f.Tag.Get("shown"),
			allowed: f.Tag.Get("allowed"), help: f.Tag.Get("help"),
		}
		if s.secret = f.Tag.Get("secret") != ""; !s.secret {
			s.flag = strings.ReplaceAll(strings.ToLower(s.variable), "_", "-")
		}
		if s.shown == "" {
			s.shown = s.def
		}
		if words, ok := f.Tag.Lookup("oneof"); ok {
			s.oneof = strings.Fields(words)
			s.allowed = strings.Join(s.oneof, " or ")
		}
		s.min, _ = strconv.Atoi(f.Tag.Get("min"))
		s.max, _ = strconv.Atoi(f.Tag.Get("max"))
		list = append(list, s)
	}
	return list
}

// validate checks what the types do not. values are the settings as given, for
// error texts.
func (c *Config) validate(values map[string]string) error {
	v := reflect.ValueOf(c).Elem()
	for _, s := range settings() {
		given, set := values[s.variable]
		if !set {
			continue // a default is allowed
		}
		ok := true
		switch value := v.Field(s.index).Interface().(type) {
		case time.Duration:
			ok = value > 0
		case int:
			ok = s.min <= value && value <= s.max
		case int64:
			ok = int64(s.min) <= value && value <= int64(s.max)
		case string:
			ok = s.oneof == nil || slices.Contains(s.oneof, value)
		}
		if !ok {
			return Bad(s.variable, given, "")
		}
	}
	if n, err := strconv.ParseUint(c.Port, 10, 16); err != nil || n == 0 || c.Port != strconv.FormatUint(n, 10) {
		return Bad("PORT", c.Port, "")
	}
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		return Bad("TLS_KEY", "", "")
	case c.TLSKey != "" && c.TLSCert == "":
		return Bad("TLS_CERT", "", "")
	case c.TLS != "" && c.TLSCert != "":
		return Bad("TLS", c.TLS, "either TLS or TLS_CERT and TLS_KEY, not both")
	}
	return c.validateAccess()
}
