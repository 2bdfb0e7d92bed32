// Command aqfigures measures what AQ Server promises about late joiners, crowds
// that come at once and what is left when people have gone, and prints a table:
// figures of docs/testing.md. It starts a server of its own, on loopback, so that
// the server's time and memory are its alone. What a server costs under load, and
// how long joins and chat take meanwhile, is cmd/aqload's.
//
//	go run ./cmd/aqfigures            # all, about two minutes
//	go run ./cmd/aqfigures -only late,storm -json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// A figure is one line of the result.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A measurement adds its figures by calling report.
type measurement struct {
	name string
	run  func(ctx context.Context, s *server, report func(name string, value float64, unit string)) error
}

var measurements = []measurement{
	{"late", measureLateJoiners},
	{"storm", measureStorm},
	{"rush", measureRush},
	{"churn", measureChurn},
}

func main() {
	only := flag.String("only", "", "comma-separated: "+names())
	asJSON := flag.Bool("json", false, "print JSON")
	binary := flag.String("server", "", "server binary; built from ./cmd/server when empty")
	env := flag.String("env", "", "comma-separated settings of the server, as ICE_MODE=full")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, strings.Split(*only, ","), strings.Split(*env, ","), *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "aqfigures:", err)
		os.Exit(1)
	}
}

func names() string {
	var list []string
	for _, m := range measurements {
		list = append(list, m.name)
	}
	return strings.Join(list, ",")
}

func run(ctx context.Context, binary string, only, env []string, asJSON bool) error {
	if binary == "" {
		built, remove, err := build(ctx)
		if err != nil {
			return err
		}
		defer remove()
		binary = built
	}
	var figures []figure
	for _, m := range measurements {
		if only[0] != "" && !slices.Contains(only, m.name) {
			continue
		}
		err := func() error { // a server each: no measurement inherits memory
			s, err := start(ctx, binary, env)
			if err != nil {
				return err
			}
			defer s.stop()
			return m.run(ctx, s, func(name string, value float64, unit string) {
				figures = append(figures, figure{m.name + ": " + name, value, unit})
				if !asJSON {
					fmt.Printf("%-60s %10.2f %s\n", m.name+": "+name, value, unit)
				}
			})
		}()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(figures)
	}
	return nil
}

// quantile returns the q-th quantile of durations in milliseconds.
func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return float64(sorted[int(q*float64(len(sorted)-1)+0.5)].Microseconds()) / 1000
}
