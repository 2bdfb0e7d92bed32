// Package webhook tells another server what happens in rooms: signed, in order,
// again when it does not get through, and never at the cost of the rooms.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

const (
	// queueLength bounds what waits to be sent. Beyond that hooks are dropped and
	// counted: the other side was away for long.
	queueLength = 1000
	// tries of one hook, the pauses between them doubling from firstPause: about
	// two minutes in all.
	tries      = 8
	firstPause = time.Second
	// sendTime bounds one try.
	sendTime = 10 * time.Second
)

// Header names of a hook.
const (
	SignatureHeader = "AQ-Signature"
	EventHeader     = "AQ-Event"
)

// Options is what a Sender is made from.
type Options struct {
	URL     string
	Secret  []byte
	Metrics *metrics.Metrics
	Log     *slog.Logger
	// Client is for tests; nil: one that follows no redirects.
	Client *http.Client
}

// Sender sends hooks one after the other from a goroutine of its own, which ends
// with Close.
type Sender struct {
	opts  Options
	queue chan types.Hook
	ctx   context.Context
	end   context.CancelFunc
	wg    sync.WaitGroup
}

// New starts a Sender.
func New(o Options) *Sender {
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout:   sendTime,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			// A signed body goes where the operator said, and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s := &Sender{opts: o, queue: make(chan types.Hook, queueLength)}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.wg.Go(s.run) // stopped and awaited by Close
	return s
}

// Send queues a hook and returns at once; it may be called under a lock. ID and
// Time are filled in.
func (s *Sender) Send(h types.Hook) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	h.ID, h.Time = "h_"+hex.EncodeToString(id[:]), time.Now().UTC()
	select {
	case s.queue <- h:
	default:
		s.opts.Metrics.Webhooks[metrics.HookDropped].Add(1)
	}
}

// Close ends the Sender. What is queued is sent as long as ctx lasts, one try
// each; what is left then is dropped and counted.
func (s *Sender) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.end)
	defer stop()
	close(s.queue)
	s.wg.Wait()
	s.end()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	return nil
}

func (s *Sender) run() {
	defer recovery.RecoverWithPrefix("webhooks")
	for h := range s.queue {
		s.deliver(h)
	}
}

// deliver tries until the other side has taken the hook, or has had its chances.
func (s *Sender) deliver(h types.Hook) {
	body, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings and a time always encode
	}
	pause := firstPause
	for try := 1; ; try++ {
		err := s.post(h.Event, body)
		switch {
		case err == nil:
			s.opts.Metrics.Webhooks[metrics.HookSent].Add(1)
			return
		case errors.Is(err, errPointless), try == tries, s.ctx.Err() != nil:
			s.opts.Metrics.Webhooks[metrics.HookDropped].Add(1)
			s.opts.Log.Warn("webhook given up", "event", h.Event, "id", h.ID, "tries", try, "err", err)
			return
		}
		s.opts.Metrics.Webhooks[metrics.HookRetried].Add(1)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
		}
		pause *= 2
	}
}

// errPointless: the other side has understood, and does not want it.
var errPointless = errors.New("refused")

func (s *Sender) post(event string, body []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, sendTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opts.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "AQ-Server")
	request.Header.Set(EventHeader, event)
	request.Header.Set(SignatureHeader, Signature(s.opts.Secret, time.Now(), body))
	response, err := s.opts.Client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	_ = response.Body.Close()
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return errors.New(response.Status)
	default:
		return fmt.Errorf("%w: %s", errPointless, response.Status)
	}
}

// Signature returns the value of SignatureHeader: the time, and the HMAC-SHA256
// of time, a dot and the body, so that an old hook cannot be sent again later.
func Signature(secret []byte, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
