package metrics

import "sync/atomic"

// A series is one number, or one family of numbers told apart by reason, under
// its two names.
type series struct {
	json       string // key of the JSON object
	prometheus string // name in the Prometheus text
	help       string
	gauge      bool
	value      func() int64

	// A family: the names of its reasons and their values. Its JSON is an
	// object, its Prometheus series carry the label "reason".
	reasons []string
	values  func(i int) int64

	// A histogram. Its JSON is an object with count and sum.
	histogram *Histogram
}

// series returns what both formats show, in order. The JSON keys are part of
// the contract; the seven that every version of the server had come first.
func (m *Metrics) series() []series {
	counter := func(json, prometheus, help string, v *atomic.Int64) series {
		return series{json: json, prometheus: prometheus, help: help, value: v.Load}
	}
	gauge := func(json, prometheus, help string, v *atomic.Int64) series {
		return series{json: json, prometheus: prometheus, help: help, value: v.Load, gauge: true}
	}
	panics := m.Panics
	if panics == nil {
		panics = func() int64 { return 0 }
	}
	return []series{
		gauge("active_connections", "aq_active_connections", "Open WebSockets.", &m.ActiveConnections),
		counter("total_connections_created", "aq_connections_created_total", "WebSockets opened.", &m.TotalConnectionsCreated),
		counter("total_connections_closed", "aq_connections_closed_total", "WebSockets closed.", &m.TotalConnectionsClosed),
		counter("total_messages_processed", "aq_messages_processed_total", "Signalling messages received from clients.", &m.TotalMessagesProcessed),
		counter("total_chat_messages", "aq_chat_messages_total", "Chat messages received from clients.", &m.TotalChatMessages),
		counter("total_tracks_added", "aq_tracks_added_total", "Tracks published.", &m.TotalTracksAdded),
		counter("total_tracks_removed", "aq_tracks_removed_total", "Published tracks that ended.", &m.TotalTracksRemoved),

		counter("total_reactions", "aq_reactions_total", "Reactions told to rooms.", &m.Reactions),
		counter("total_file_offers", "aq_file_offers_total", "Files that people offered to others.", &m.FileOffers),
		counter("total_file_bytes_in", "aq_file_received_bytes_total", "Bytes of files from their senders.", &m.FileBytesIn),
		counter("total_file_bytes_out", "aq_file_sent_bytes_total", "Bytes of files to their receivers.", &m.FileBytesOut),
		{json: "file_ends", prometheus: "aq_file_ends_total", help: "Files that are not on their way to somebody any more, by reason.",
			reasons: fileEndNames[:], values: func(i int) int64 { return m.FileEnds[i].Load() }},
		{json: "file_refusals", prometheus: "aq_file_refusals_total", help: "Events about files that were refused.",
			reasons: fileRefusalNames[:], values: func(i int) int64 { return m.FileRefusals[i].Load() }},
		gauge("active_rooms", "aq_active_rooms", "Rooms with somebody in them.", &m.ActiveRooms),
		gauge("active_peers", "aq_active_peers", "People in rooms.", &m.ActivePeers),
		counter("total_messages_rejected", "aq_messages_rejected_total", "Messages answered with an error event.", &m.MessagesRejected),
		{json: "refused_joins", prometheus: "aq_refused_joins_total", help: "Joins refused before the upgrade.",
			reasons: refuseNames[:], values: func(i int) int64 { return m.RefusedJoins[i].Load() }},
		{json: "moderations", prometheus: "aq_moderations_total", help: "What moderators and the administrator did, by action.",
			reasons: moderationNames[:], values: func(i int) int64 { return m.Moderations[i].Load() }},
		counter("total_admin_refused", "aq_admin_refused_total", "Requests refused for lack of the administrator's key.", &m.AdminRefused),
		{json: "webhooks", prometheus: "aq_webhooks_total", help: "Webhooks, by what became of them.",
			reasons: hookNames[:], values: func(i int) int64 { return m.Webhooks[i].Load() }},
		gauge("waiting_peers", "aq_waiting_peers", "People who wait to be let into a room.", &m.Waiting),
		counter("total_slow_consumers", "aq_slow_consumers_total", "WebSockets closed because the client did not read.", &m.SlowConsumers),
		counter("total_keepalive_timeouts", "aq_keepalive_timeouts_total", "WebSockets closed because no pong came.", &m.KeepaliveTimeouts),
		counter("total_resumes", "aq_resumes_total", "Clients that came back as themselves.", &m.Resumes),
		counter("total_negotiations", "aq_negotiations_total", "Offers sent.", &m.Negotiations),
		counter("total_negotiations_failed", "aq_negotiations_failed_total", "Offers without a usable answer.", &m.NegotiationsFailed),

		counter("total_packets_in", "aq_rtp_received_packets_total", "RTP packets from publishers.", &m.PacketsIn),
		counter("total_bytes_in", "aq_rtp_received_bytes_total", "Bytes of RTP packets from publishers.", &m.BytesIn),
		counter("total_packets_out", "aq_rtp_sent_packets_total", "RTP packets to subscribers.", &m.PacketsOut),
		counter("total_bytes_out", "aq_rtp_sent_bytes_total", "Bytes of RTP packets to subscribers.", &m.BytesOut),
		{json: "packets_dropped", prometheus: "aq_rtp_dropped_packets_total", help: "RTP packets not forwarded.",
			reasons: dropNames[:], values: func(i int) int64 { return m.PacketsDropped[i].Load() }},
		counter("total_send_calls", "aq_send_calls_total", "System calls that sent batches of packets.", &m.SendCalls),
		counter("total_send_messages", "aq_send_messages_total", "Messages in them, of one or more packets to one person.", &m.SendMessages),
		counter("total_send_failed", "aq_send_failed_packets_total", "Packets that the kernel refused.", &m.SendFailed),
		counter("total_send_resent", "aq_send_resent_packets_total", "Packets sent singly because the kernel refused them as one message.", &m.SendResent),
		counter("total_send_waits", "aq_send_waits_total", "Batches that had to wait for room in the socket.", &m.SendWaits),
		counter("total_peerconnections_sealed", "aq_peerconnections_sealed_total", "PeerConnections whose packets are sealed into batches.", &m.ConnectionsSealed),
		counter("total_peerconnections_by_sender", "aq_peerconnections_by_sender_total", "PeerConnections whose packets go by pion's senders.", &m.ConnectionsBySender),
		counter("total_nacks_in", "aq_nacks_received_total", "Sequence numbers that subscribers asked for again.", &m.NacksIn),
		counter("total_nacks_out", "aq_nacks_sent_total", "Sequence numbers that publishers were asked for again.", &m.NacksOut),
		counter("total_rtx_out", "aq_rtx_sent_packets_total", "RTP packets sent again to subscribers.", &m.RTXOut),
		counter("total_plis_in", "aq_plis_received_total", "Keyframe requests (PLI, FIR) from subscribers.", &m.PLIsIn),
		counter("total_plis_out", "aq_plis_sent_total", "Keyframe requests (PLI) to publishers.", &m.PLIsOut),

		counter("total_media_silences", "aq_media_silences_total", "Media paths on which nothing came any more.", &m.MediaSilences),
		{json: "media_restarts", prometheus: "aq_media_restarts_total", help: "ICE restarts offered, by cause.",
			reasons: restartNames[:], values: func(i int) int64 { return m.MediaRestarts[i].Load() }},
		{json: "watchdog_faults", prometheus: "aq_watchdog_faults_total", help: "Tracks found missing or frozen at a subscriber, by cause.",
			reasons: faultNames[:], values: func(i int) int64 { return m.WatchdogFaults[i].Load() }},
		{json: "watchdog_repairs", prometheus: "aq_watchdog_repairs_total", help: "What was done about such tracks, by step.",
			reasons: repairNames[:], values: func(i int) int64 { return m.WatchdogRepairs[i].Load() }},
		counter("total_layers_lowered", "aq_layers_lowered_total", "Videos switched to a smaller layer for lack of bandwidth.", &m.LayersLowered),
		counter("total_layers_raised", "aq_layers_raised_total", "Videos given a larger layer, or one again, as bandwidth allowed.", &m.LayersRaised),
		counter("total_videos_paused", "aq_videos_paused_total", "Videos paused for lack of bandwidth.", &m.VideosPaused),
		counter("total_probe_packets", "aq_probe_packets_total", "Packets of padding sent to probe for bandwidth.", &m.ProbePackets),

		{json: "negotiation_seconds", prometheus: "aq_negotiation_seconds", help: "From an offer to its answer.", histogram: &m.NegotiationTime},
		{json: "join_seconds", prometheus: "aq_join_seconds", help: "From a join to connected media.", histogram: &m.JoinTime},
		{json: "forward_seconds", prometheus: "aq_forward_seconds", help: "From the arrival of a packet until it is written to its last subscriber.", histogram: &m.ForwardTime},
		{json: "bandwidth_bits_per_second", prometheus: "aq_bandwidth_bits_per_second", help: "What the ways to clients carry, each time one is told.", histogram: &m.Bandwidth},

		{json: "total_panics", prometheus: "aq_panics_recovered_total", help: "Panics recovered from.", value: panics},
	}
}
