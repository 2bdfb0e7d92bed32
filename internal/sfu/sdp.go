package sfu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// moreMLines is how many m-lines an answer may have beyond those offered before
// it is refused unread (docs/limits.md, L2): parsing costs by the m-line.
const moreMLines = 8

// checkAnswer looks at the bare text of an answer, before anything expensive.
func checkAnswer(text string, offered int) *types.ProtocolError {
	if n := countMLines(text); n > offered+moreMLines {
		return types.Errorf(types.CodeTooManyMLines, "the answer has %d m-lines, the offer %d", n, offered)
	}
	if !strings.HasPrefix(text, "v=0") {
		return types.Errorf(types.CodeBadSDP, "the answer is not SDP")
	}
	return nil
}

// fingerprint returns the first fingerprint of a description: that of the
// certificate of its PeerConnection (RFC 8122, section 5), empty for none.
func fingerprint(text string) string {
	_, rest, _ := strings.Cut(text, "\na=fingerprint:")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.ToUpper(strings.TrimSpace(value))
}

func countMLines(text string) int {
	n := strings.Count(text, "\nm=")
	if strings.HasPrefix(text, "m=") {
		n++
	}
	return n
}

// checkCandidate tells whether a candidate can be used. Host names (mDNS) and
// TCP are fine to send and of no use here.
func checkCandidate(c types.Candidate) (usable bool, _ *types.ProtocolError) {
	text := strings.TrimPrefix(strings.TrimSpace(c.Candidate), "candidate:")
	if text == "" {
		return false, nil // end of candidates
	}
	if strings.Contains(text, ".local ") {
		return false, nil
	}
	parsed, err := ice.UnmarshalCandidate(text)
	if err != nil {
		return false, types.Errorf(types.CodeBadCandidate, "the candidate cannot be read")
	}
	return parsed.NetworkType().IsUDP(), nil
}

// answer is what an answer says, as far as it matters beyond pion.
type answer struct {
	text  string
	media map[string]answerMedia // by mid
}

// answerMedia is one m-line of an answer.
type answerMedia struct {
	// types are the codecs that the client will receive here, nil when it
	// receives nothing.
	types map[codecKey]payloadTypes
	// sends tells that the client sends on this m-line; declared, that it says
	// how to know its packets: by SSRC (RFC 5576) or by RID.
	sends, declared bool
}

var errMLines = errors.New("the answer has not as many m-lines as the offer")

// parseAnswer reads an answer to an offer with this many m-lines. Candidates
// are taken out of the text beyond the first few, all of them unless
// candidates are of use.
func parseAnswer(text string, offered int, candidates bool) (*answer, error) {
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("parse the answer: %w", err)
	}
	if len(parsed.MediaDescriptions) != offered {
		return nil, errMLines
	}
	a := &answer{media: make(map[string]answerMedia, offered)}
	left := 0
	if candidates {
		left = maxCandidates
	}
	for _, m := range parsed.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(attribute sdp.Attribute) bool {
			if attribute.Key == "candidate" {
				left--
				return left < 0
			}
			return echoesLayers(attribute)
		})
		if mid, ok := m.Attribute(sdp.AttrKeyMID); ok {
			a.media[mid] = readMedia(m)
		}
	}
	out, err := parsed.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	a.text = string(out)
	return a, nil
}

// echoesLayers tells whether an attribute only repeats the layers that we offered
// to receive, as pion's own answers do. Taken seriously it would say that the
// client receives them (RFC 8853, section 5.1).
func echoesLayers(a sdp.Attribute) bool {
	return a.Key == "rid" && strings.Contains(a.Value, " recv") ||
		a.Key == "simulcast" && strings.HasPrefix(a.Value, "recv")
}

func readMedia(m *sdp.MediaDescription) answerMedia {
	has := func(key string) bool { _, ok := m.Attribute(key); return ok }
	if m.MediaName.Port.Value == 0 || has(sdp.AttrKeyInactive) {
		return answerMedia{}
	}
	result := answerMedia{sends: !has(sdp.AttrKeyRecvOnly), declared: has("rid") || has(sdp.AttrKeySSRC)}
	if has(sdp.AttrKeySendOnly) {
		return result
	}
	names, parameters := map[uint8]string{}, map[uint8]string{}
	for _, attribute := range m.Attributes {
		number, rest, _ := strings.Cut(attribute.Value, " ")
		pt, err := strconv.ParseUint(number, 10, 7)
		if err != nil {
			continue
		}
		switch attribute.Key {
		case "rtpmap":
			name, _, _ := strings.Cut(rest, "/")
			names[uint8(pt)] = m.MediaName.Media + "/" + name
		case "fmtp":
			parameters[uint8(pt)] = rest
		}
	}
	result.types = map[codecKey]payloadTypes{}
	for pt, name := range names {
		if strings.EqualFold(name, webrtc.MimeTypeRTX) {
			continue
		}
		key := keyOf(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: name, SDPFmtpLine: parameters[pt],
		}})
		if _, twice := result.types[key]; !twice || pt < result.types[key].media {
			result.types[key] = payloadTypes{media: pt, rtx: findRTX(pt, names, parameters)}
		}
	}
	return result
}

// findRTX returns the payload type that repairs pt (RFC 4588, section 8.6), or
// 0.
func findRTX(pt uint8, names, parameters map[uint8]string) uint8 {
	for rtx, name := range names {
		if strings.EqualFold(name, webrtc.MimeTypeRTX) && parameters[rtx] == fmt.Sprintf("apt=%d", pt) {
			return rtx
		}
	}
	return 0
}

// decorate makes of pion's description the text that is sent, and counts its
// m-lines: the mids are noted, and a protocol=1 client's camera is offered as
// simulcast, which pion has no way to say in an offer (RFC 8853, section 5.3).
// In later offers pion repeats what the answer accepted.
func (c *connection) decorate(text string) (string, int) {
	camera := ""
	c.mu.Lock()
	for _, l := range c.publish {
		c.sources[l.transceiver.Mid()] = l.source
		if l.source == types.SourceCamera {
			camera = l.transceiver.Mid()
		}
	}
	c.mu.Unlock()
	for _, s := range c.slots {
		s.mid = s.transceiver.Mid()
	}
	text = c.session().opts.API.WithAddresses(withStartBitrate(withoutRTCPCandidates(text)))
	if c.peer.extended() {
		text = offerSimulcast(text, camera)
	}
	if !c.peer.cfg.Peer.Browser {
		text, c.idle = idleAsReceiving(text, c.idle)
	}
	return text, countMLines(text)
}

// idleAsReceiving offers an m-line that carries nothing as inactive once, and in
// the offers after that as if the client could send on it, which he has no reason
// to and answers with inactive. pion takes an inactive m-line of an offer for a
// stopped transceiver; the second time in a row it stops the receiver for good, and
// whoever gets that m-line later would never be received (v4.2.26,
// SetRemoteDescription and configureRTPReceivers). idle are the mids of the m-lines
// that carried nothing in the last offer; those of this one are returned. Browsers
// need none of it.
func idleAsReceiving(text string, idle map[string]bool) (string, map[string]bool) {
	now := map[string]bool{}
	head, sections := splitSections(text)
	for i, s := range sections {
		if !strings.Contains(s, "\r\na=inactive\r\n") {
			continue
		}
		_, rest, _ := strings.Cut(s, "\r\na=mid:")
		mid, _, _ := strings.Cut(rest, "\r\n")
		if now[mid] = true; idle[mid] {
			sections[i] = strings.Replace(s, "\r\na=inactive\r\n", "\r\na=recvonly\r\n", 1)
		}
	}
	return head + strings.Join(sections, ""), now
}

// startBitrate is what browsers of the Chromium family begin to send video with,
// in kbit/s, before they have measured the way. Their own 300 is a blurred
// picture for the first ten seconds; what is too much for a way is found out
// within a round trip or two of feedback.
const startBitrate = 1200

// withStartBitrate asks for it on each m-line that the client sends video on.
func withStartBitrate(text string) string {
	head, sections := splitSections(text)
	for i, s := range sections {
		if strings.HasPrefix(s, "m=video") && strings.Contains(s, "\r\na=recvonly\r\n") &&
			strings.Contains(s, "\r\na=rtpmap:96 VP8/90000\r\n") {
			sections[i] = strings.Replace(s, "\r\na=rtpmap:96 VP8/90000\r\n",
				fmt.Sprintf("\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=%d\r\n", startBitrate), 1)
		}
	}
	return head + strings.Join(sections, "")
}

// withoutRTCPCandidates drops the candidates of component 2, which pion lists
// although RTP and RTCP always share a port here (RFC 8834, section 4.5).
func withoutRTCPCandidates(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		fields := strings.SplitN(line, " ", 3)
		return len(fields) == 3 && strings.HasPrefix(line, "a=candidate:") && fields[1] == "2"
	}), "")
}

// offerSimulcast adds the layers to the m-line with this mid, unless they are
// there. Mixed one- and two-byte header extensions are allowed, since dependency
// descriptors of large frames need the two-byte form (RFC 8285, section 6).
func offerSimulcast(text, mid string) string {
	head, sections := splitSections(text)
	if !strings.Contains(head, "a=extmap-allow-mixed") {
		head += "a=extmap-allow-mixed\r\n"
	}
	for i, s := range sections {
		if !strings.Contains(s, "\r\na=mid:"+mid+"\r\n") || strings.Contains(s, "\r\na=simulcast:") {
			continue
		}
		var b strings.Builder
		b.WriteString(s)
		for _, rid := range simulcastRIDs {
			b.WriteString("a=rid:" + rid + " recv\r\n")
		}
		b.WriteString("a=simulcast:recv " + strings.Join(simulcastRIDs[:], ";") + "\r\n")
		sections[i] = b.String()
	}
	return head + strings.Join(sections, "")
}

// splitSections returns the session part of a description and its m-lines' parts.
func splitSections(text string) (head string, sections []string) {
	parts := strings.Split(text, "\r\nm=")
	for i := range parts {
		if i > 0 {
			parts[i] = "m=" + parts[i]
		}
		if i < len(parts)-1 {
			parts[i] += "\r\n"
		}
	}
	return parts[0], parts[1:]
}
