package livekit

import (
	"bytes"
	"strings"
	"testing"
)

// TestRequests compares with what the field numbers of livekit_rtc.proto make of them:
// a tag is the number times eight, plus 2 for what has a length.
func TestRequests(t *testing.T) {
	for name, test := range map[string]struct{ got, want message }{
		"offer":            {describe(requestOffer, description{"v=0", 1}), message("\x0a\x0e\x0a\x05offer\x12\x03v=0\x18\x01")},
		"answer":           {describe(requestAnswer, description{"v=0", 300}), message("\x12\x10\x0a\x06answer\x12\x03v=0\x18\xac\x02")},
		"answer to no id":  {describe(requestAnswer, description{"", 0}), message("\x12\x08\x0a\x06answer")},
		"to the publisher": {trickle(candidate{"{}", publisher}), message("\x1a\x04\x0a\x02{}")},
		"to the other":     {trickle(candidate{"{}", subscriber}), message("\x1a\x06\x0a\x02{}\x10\x01")},
		"microphone": {addTrack(track{cid: "m", name: "n"}),
			message("\x22\x0a\x0a\x01m\x12\x01n\x40\x02\x68\x01")},
		"camera": {addTrack(track{cid: "c", name: "n", video: true, width: 1280, height: 720, bitsPerSecond: 100}),
			message("\x22\x1c\x0a\x01c\x12\x01n\x18\x01\x20\x80\x0a\x28\xd0\x05\x40\x01\x4a\x0a\x08\x02\x10\x80\x0a\x18\xd0\x05\x20\x64")},
		"leave": {leave(), message("\x42\x02\x10\x01")},
		"ping":  {ping(5), message("\x82\x01\x02\x08\x05")},
	} {
		if !bytes.Equal(test.got, test.want) {
			t.Errorf("%s: % x, want % x", name, test.got, test.want)
		}
	}
}

func TestResponses(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		want any
	}{
		"join":         {"\x0a\x06\x12\x00\x50\x0f\x58\x05", joined{pingInterval: 5}},
		"answer":       {"\x12\x0f\x0a\x06answer\x12\x03v=0\x18\x01", answered{"v=0", 1}},
		"offer":        {"\x1a\x0d\x0a\x05offer\x12\x02v=\x18\x07", offered{"v=", 7}},
		"trickle":      {"\x22\x06\x0a\x02{}\x10\x01", candidate{"{}", subscriber}},
		"to publisher": {"\x22\x04\x0a\x02{}", candidate{"{}", publisher}},
		"published":    {"\x32\x05\x0a\x01c\x12\x00", published{"c"}},
		"leave":        {"\x42\x02\x10\x03", left{3}},
		"an update":    {"\x2a\x02\xff\xff", nil}, // not looked into
		"a pong":       {"\x90\x01\x05", nil},
		"nothing":      {"", nil},
	} {
		if got, err := parse([]byte(test.data)); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		}
	}
	for _, broken := range []string{"\x0a", "\x0a\x05a", "\x42\x01\xff", "\x07", strings.Repeat("\xff", 11)} {
		if got, err := parse([]byte(broken)); err == nil {
			t.Errorf("% x was taken for %+v", broken, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x0a\x06\x12\x00\x50\x0f\x58\x05"))
	f.Add([]byte("\x22\x06\x0a\x02{}\x10\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		said, err := parse(data)
		if err != nil {
			return
		}
		if d, ok := said.(offered); ok {
			again, err := parse(message(nil).inner(responseOffer, message(nil).text(2, d.sdp).number(3, d.id)))
			if err != nil || again != said {
				t.Errorf("%+v became %+v, %v", said, again, err)
			}
		}
	})
}
