package sfu

import (
	"strings"
	"testing"

	"aq-server/internal/types"
)

// browserAnswer is what Chromium answers to one audio and one video m-line to
// receive on, shortened to what we read.
const browserAnswer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n" +
	"a=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n" +
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:104 H264/90000\r\na=fmtp:104 packetization-mode=0;profile-level-id=42e01f\r\n"

func TestParseAnswerReadsWhatTheClientTakes(t *testing.T) {
	a, err := parseAnswer(browserAnswer, 2, true)
	if err != nil {
		t.Fatal(err)
	}
	if m := a.media["0"]; !m.sends || len(m.types) != 0 {
		t.Errorf("sendonly: %+v", m)
	}
	video := a.media["1"]
	want := map[codecKey]payloadTypes{
		"video/vp8": {96, 97}, "video/h264;1": {102, 103}, "video/h264;0": {104, 0},
	}
	if video.sends || len(video.types) != len(want) {
		t.Errorf("recvonly: %+v", video)
	}
	for key, pts := range want {
		if video.types[key] != pts {
			t.Errorf("%s: %v, want %v", key, video.types[key], pts)
		}
	}
	if !strings.Contains(a.text, "candidate") {
		t.Error("the candidate is gone")
	}
}

func TestParseAnswerSeesWhatIsNotDeclared(t *testing.T) {
	for attributes, want := range map[string]bool{
		"":                              false,
		"a=ssrc:7 cname:x\r\n":          true,
		"a=rid:q send\r\n":              true,
		"a=rid:q recv\r\n":              false, // an echo of ours
		"a=ssrc-group:FID 7 8\r\n":      false,
		"a=msid:stream track\r\n":       false,
		"a=simulcast:send q;h\r\n":      false,
		"a=extmap:1 urn:x:ssrc:rid\r\n": false,
	} {
		a, err := parseAnswer(strings.Replace(browserAnswer, "a=mid:0\r\n", "a=mid:0\r\n"+attributes, 1), 2, true)
		if err != nil {
			t.Fatal(err)
		}
		if m := a.media["0"]; m.declared != want || !m.sends {
			t.Errorf("%q: %+v", attributes, m)
		}
	}
}

func TestParseAnswerRefusals(t *testing.T) {
	for name, text := range map[string]string{
		"rejected m-line": strings.Replace(browserAnswer, "m=video 9", "m=video 0", 1),
		"inactive m-line": strings.Replace(browserAnswer, "a=recvonly", "a=inactive", 1),
	} {
		a, err := parseAnswer(text, 2, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m := a.media["1"]; m.types != nil || m.sends {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if _, err := parseAnswer(browserAnswer, 3, true); err == nil {
		t.Error("an answer with an m-line too few is taken")
	}
	if _, err := parseAnswer("v=0\r\nnonsense", 0, true); err == nil {
		t.Error("nonsense is taken")
	}
}

func TestParseAnswerBoundsCandidates(t *testing.T) {
	many := strings.Replace(browserAnswer, "a=mid:0\r\n",
		"a=mid:0\r\n"+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n", 1000), 1)
	for candidates, want := range map[bool]int{true: maxCandidates, false: 0} {
		a, err := parseAnswer(many, 2, candidates)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(a.text, "a=candidate:"); n != want {
			t.Errorf("candidates %v: %d are left, want %d", candidates, n, want)
		}
	}
}

func TestCheckAnswerCountsMLinesUnparsed(t *testing.T) {
	bomb := "v=0\r\n" + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 2000)
	if err := checkAnswer(bomb, 2); err == nil || err.Code != types.CodeTooManyMLines {
		t.Errorf("2000 m-lines: %v", err)
	}
	if err := checkAnswer(browserAnswer, 2); err != nil {
		t.Errorf("a browser's answer: %v", err)
	}
	if err := checkAnswer("m=audio", 2); err == nil || err.Code != types.CodeBadSDP {
		t.Errorf("not SDP: %v", err)
	}
}

func TestOfferSimulcastTouchesOneMLineOnce(t *testing.T) {
	offer := "v=0\r\ns=-\r\nm=audio 9 X 111\r\na=mid:0\r\na=recvonly\r\nm=video 9 X 96\r\na=mid:1\r\na=recvonly\r\n" +
		"m=video 9 X 96\r\na=mid:2\r\na=sendonly\r\n"
	got := offerSimulcast(offer, "1")
	if strings.Count(got, "a=simulcast:recv q;h;f\r\n") != 1 || strings.Count(got, "a=rid:") != 3 {
		t.Fatalf("layers are not offered once:\n%s", got)
	}
	section := got[strings.Index(got, "a=mid:1"):strings.Index(got, "a=mid:2")]
	if !strings.Contains(section, "a=simulcast:") {
		t.Error("the layers are not on the camera's m-line")
	}
	if again := offerSimulcast(got, "1"); again != got {
		t.Errorf("a second time changes it:\n%s", again)
	}
	if countMLines(got) != 3 {
		t.Errorf("%d m-lines", countMLines(got))
	}
}

func TestStartBitrateIsForWhatTheClientSends(t *testing.T) {
	const vp8 = "a=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
	offer := "v=0\r\nm=audio 9 X 111\r\na=recvonly\r\n" +
		"m=video 9 X 96\r\n" + vp8 + "a=recvonly\r\n" + "m=video 9 X 96\r\n" + vp8 + "a=sendonly\r\n"
	got := withStartBitrate(offer)
	const line = "a=fmtp:96 x-google-start-bitrate=1200\r\n"
	if strings.Count(got, line) != 1 || strings.Index(got, line) > strings.Index(got, "a=recvonly\r\nm=video 9 X 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=sendonly") {
		t.Errorf("not on the one m-line that the client sends on:\n%s", got)
	}
	if strings.Replace(got, line, "", 1) != offer {
		t.Error("something else has changed")
	}
}

func TestOffersNameOneComponent(t *testing.T) {
	const both = "m=audio 9 X 111\r\na=candidate:1 1 udp 2 192.0.2.1 5000 typ host\r\n" +
		"a=candidate:1 2 udp 2 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n"
	want := strings.Replace(both, "a=candidate:1 2 udp 2 192.0.2.1 5000 typ host\r\n", "", 1)
	if got := withoutRTCPCandidates(both); got != want {
		t.Errorf("%q", got)
	}
}

func TestCheckCandidate(t *testing.T) {
	for text, want := range map[string]struct{ usable, fault bool }{
		"": {},
		"candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host":                                                        {usable: true},
		"candidate:1 1 udp 2130706431 2001:db8::7 50000 typ host":                                                      {usable: true},
		"candidate:1 1 udp 2113937151 0b1b7e3a-5a3e-4b6e-8e62-8d3a1c2b4f5d.local 50000 typ host":                       {},
		"candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active":                                             {},
		"candidate:4 1 udp 1677729535 198.51.100.3 61000 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag a1 cost 9": {usable: true},
		"candidate:nonsense":       {fault: true},
		strings.Repeat("x ", 4000): {fault: true},
	} {
		usable, err := checkCandidate(types.Candidate{Candidate: text})
		if usable != want.usable || (err != nil) != want.fault {
			t.Errorf("%.60q: usable %v, fault %v", text, usable, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(browserAnswer)
	f.Add("v=0\r\nm=audio 0 X 0\r\na=mid:\r\na=rtpmap:x\r\na=fmtp:0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		n := countMLines(text)
		if checkAnswer(text, n) != nil {
			return
		}
		a, err := parseAnswer(text, n, true)
		if err == nil && len(a.media) > n {
			t.Errorf("%d m-lines read, %d counted", len(a.media), n)
		}
	})
}

func FuzzCheckCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host")
	f.Fuzz(func(t *testing.T, text string) {
		if usable, err := checkCandidate(types.Candidate{Candidate: text}); usable && err != nil {
			t.Error("both usable and at fault")
		}
	})
}

func TestIdleAsReceiving(t *testing.T) {
	const first = "v=0\r\nm=audio 9 x 111\r\na=mid:0\r\na=recvonly\r\n" +
		"m=video 9 x 96\r\na=mid:1\r\na=inactive\r\nm=audio 9 x 111\r\na=mid:3\r\na=sendonly\r\n"
	got, idle := idleAsReceiving(first, nil)
	if got != first {
		t.Errorf("at first %q", got)
	}
	const second = first + "m=video 9 x 96\r\na=mid:10\r\na=inactive\r\n"
	if got, idle = idleAsReceiving(second, idle); got != strings.Replace(second, "a=mid:1\r\na=inactive", "a=mid:1\r\na=recvonly", 1) {
		t.Errorf("then %q", got)
	}
	used := strings.ReplaceAll(second, "a=inactive", "a=sendonly")
	if got, idle = idleAsReceiving(used, idle); got != used {
		t.Errorf("in use %q", got)
	}
	if got, _ = idleAsReceiving(second, idle); got != second {
		t.Errorf("idle again %q", got)
	}
}

func TestFingerprint(t *testing.T) {
	for text, want := range map[string]string{
		"v=0\r\na=fingerprint:sha-256 aB:01\r\na=x\r\nm=audio 9 x 111\r\na=fingerprint:sha-256 CC\r\n": "SHA-256 AB:01",
		"v=0\r\na=x\r\n": "",
	} {
		if got := fingerprint(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
