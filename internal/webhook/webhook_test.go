package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/metrics"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is the other side, in memory so that time can be virtual.
type receiver struct {
	mu      sync.Mutex
	answers []int // statuses to come; then 200. 0: no answer at all
	got     []types.Hook
	at      []time.Time
	errs    []string
}

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	t, sum, _ := strings.Cut(strings.TrimPrefix(request.Header.Get(SignatureHeader), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(t + "." + string(body)))
	if sum != hex.EncodeToString(mac.Sum(nil)) {
		r.errs = append(r.errs, "bad signature")
	}
	var h types.Hook
	if err := json.Unmarshal(body, &h); err != nil || h.ID == "" || h.Event != request.Header.Get(EventHeader) {
		r.errs = append(r.errs, string(body))
	}
	r.got, r.at = append(r.got, h), append(r.at, time.Now())
	status := 200
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	if status == 0 {
		return nil, errors.New("no answer")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

func start(r *receiver) (*Sender, *metrics.Metrics) {
	m := metrics.New()
	return New(Options{
		URL: "http://hooks.test/", Secret: []byte("secret"), Metrics: m, Log: slog.New(slog.DiscardHandler),
		Client: &http.Client{Transport: r},
	}), m
}

func TestRetriesKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answers: []int{0, 503, 429}}
		s, m := start(r)
		begin := time.Now()
		s.Send(types.Hook{Event: types.HookRoomStarted, Room: "a"})
		s.Send(types.Hook{Event: types.HookPeerJoined, Room: "a", Peer: &types.HookPeer{PeerID: "p_1"}})
		time.Sleep(time.Minute)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(r.got) != 5 || r.got[4].Event != types.HookPeerJoined || r.got[0].ID != r.got[3].ID || r.got[3].ID == r.got[4].ID || r.errs != nil {
			t.Errorf("%+v %v", r.got, r.errs)
		}
		if took := r.at[3].Sub(begin); took != 7*time.Second {
			t.Errorf("three pauses took %v", took)
		}
		if sent, again := m.Webhooks[metrics.HookSent].Load(), m.Webhooks[metrics.HookRetried].Load(); sent != 2 || again != 3 {
			t.Errorf("sent %d, again %d", sent, again)
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answers: []int{400, 302, 500, 500, 500, 500, 500, 500, 500, 500}}
		s, m := start(r)
		for _, event := range []string{"refused", "redirect", "away", "well"} {
			s.Send(types.Hook{Event: event})
		}
		time.Sleep(time.Hour)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(r.got) != 2+tries+1 || r.got[len(r.got)-1].Event != "well" {
			t.Errorf("%d tries", len(r.got))
		}
		if dropped := m.Webhooks[metrics.HookDropped].Load(); dropped != 3 {
			t.Errorf("dropped %d", dropped)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answers: []int{500}}
		s, m := start(r)
		s.Send(types.Hook{Event: "x"})
		synctest.Wait() // waits before its second try
		for range queueLength + 7 {
			s.Send(types.Hook{Event: "y"})
		}
		if dropped := m.Webhooks[metrics.HookDropped].Load(); dropped != 7 {
			t.Errorf("dropped %d", dropped)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
