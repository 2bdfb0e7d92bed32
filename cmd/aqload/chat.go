//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"aq-server/internal/types"
)

// ChatResult is what became of the chat messages.
type ChatResult struct {
	Sent    int          `json:"sent"`
	Latency Distribution `json:"latency_ms"` // from the send to each who received it, the sender included
}

// epoch is what the times in chat messages count from.
var epoch = time.Now()

// chat has people chosen at random write, so many messages a second in all,
// until ctx ends, and returns how many they were.
func (l *load) chat(ctx context.Context) (sent int) {
	tick := time.NewTicker(max(time.Duration(float64(time.Second)/l.cfg.Chat), time.Millisecond))
	defer tick.Stop()
	start := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return sent
		}
		people := l.everybody()
		if len(people) == 0 {
			continue
		}
		for due := int(l.cfg.Chat * time.Since(start).Seconds()); sent < due; sent++ {
			who := people[rand.IntN(len(people))]
			if who.client.Chat(fmt.Sprintf("load %d: the quick brown fox jumps over the lazy dog", time.Since(epoch))) != nil {
				break // he has left
			}
		}
	}
}

// heard times a chat message that has come.
func (l *load) heard(m types.Message) {
	text, ok := strings.CutPrefix(m.Data, "load ")
	if !ok {
		return
	}
	number, _, _ := strings.Cut(text, ":")
	if at, err := strconv.ParseInt(number, 10, 64); err == nil {
		l.chats.add(time.Since(epoch) - time.Duration(at))
	}
}
