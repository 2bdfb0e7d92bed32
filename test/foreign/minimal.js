// Speaks the base of docs/protocol.md and nothing else: offer, answer, candidate, chat.
// It shows one <video> per stream. Where to connect stands in the address:
// ?ws=ws://HOST/aq_server/websocket?...&media=none to watch without sending.
'use strict';

const parameters = new URLSearchParams(location.search);
const byStream = new Map();

async function start() {
  const pc = (window.pc = new RTCPeerConnection());

  if (parameters.get('media') !== 'none') {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    document.getElementById('own').srcObject = stream;
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
  }

  pc.ontrack = ({ streams: [stream] }) => {
    if (byStream.has(stream.id)) return;
    const video = document.createElement('video');
    video.autoplay = true;
    video.playsInline = true;
    video.srcObject = stream;
    document.getElementById('others').append(video);
    byStream.set(stream.id, video);
    stream.onremovetrack = () => {
      if (stream.getTracks().length > 0) return;
      video.remove();
      byStream.delete(stream.id);
    };
  };

  const ws = (window.ws = new WebSocket(parameters.get('ws')));
  const send = (event, data) => ws.send(JSON.stringify({ event, data }));
  pc.onicecandidate = ({ candidate }) => candidate && send('candidate', JSON.stringify(candidate));

  ws.onmessage = async (e) => {
    const { event, data } = JSON.parse(e.data);
    switch (event) {
      case 'offer':
        await pc.setRemoteDescription(JSON.parse(data));
        await pc.setLocalDescription(await pc.createAnswer());
        send('answer', JSON.stringify(pc.localDescription));
        break;
      case 'candidate':
        await pc.addIceCandidate(JSON.parse(data));
        break;
      case 'chat': {
        const line = document.createElement('li');
        line.textContent = data;
        document.getElementById('log').append(line);
      }
    }
  };

  document.getElementById('chat').onsubmit = (e) => {
    e.preventDefault();
    const input = e.target.elements.text;
    send('chat', input.value);
    input.value = '';
  };
}

start().catch((err) => (window.failed = String(err)));
