'use strict';

const { Room, RoomEvent } = LivekitClient;
const query = new URLSearchParams(location.search);
const [main, pre, button] = ['main', 'pre', 'button'].map((name) => document.querySelector(name));
const room = new Room();
const video = new Set();

room.on(RoomEvent.TrackSubscribed, (track) => {
  main.append(track.attach());
  if (track.kind === 'video') video.add(track);
});
room.on(RoomEvent.TrackUnsubscribed, (track) => {
  track.detach().forEach((element) => element.remove());
  video.delete(track);
});
// Browsers let a page sound only after a person has touched it.
room.on(RoomEvent.AudioPlaybackStatusChanged, () => {
  button.hidden = room.canPlaybackAudio;
});
button.onclick = () => room.startAudio();
room.on(RoomEvent.Disconnected, () => {
  pre.textContent = 'the publisher has left';
});

async function figures() {
  const lines = [];
  for (const track of video) {
    const all = [...(await track.getRTCStatsReport()).values()];
    const one = all.find((stat) => stat.type === 'inbound-rtp');
    const codec = all.find((stat) => stat.id === one?.codecId)?.mimeType;
    if (one) {
      lines.push(`${codec} ${one.frameWidth} x ${one.frameHeight}, ${one.framesPerSecond ?? 0} pictures/s,`
        + ` ${one.framesDecoded} decoded, ${one.freezeCount} freezes, ${one.packetsLost} packets lost`);
    }
  }
  pre.textContent = lines.join('\n') || 'connected';
}

room.connect(query.get('url'), query.get('token')).then(
  () => setInterval(figures, 1000),
  (error) => {
    pre.textContent = `not connected: ${error.message}`;
  },
);
