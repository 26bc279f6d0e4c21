// What the tests tell a browser to do: each function of `page` takes and returns JSON.
'use strict';

const page = (() => {
  const { Room, RoomEvent } = LivekitClient;
  const BITS = 16;
  const FIELDS = 4;
  const KEPT = 600;
  const ACTIVE = 2; // ParticipantInfo.State of the protocol
  const scratch = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const remote = new Map(); // by name of the track: what is seen or heard of it
  const data = [];
  let room;
  let keys; // where the room is encrypted

  /** Waits until `ready()` gives something and returns that; `what` tells what it would have been. */
  async function until(what, ready, seconds = 40) {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const found = await ready();
      if (found) return found;
      if (performance.now() > deadline) throw new Error(`no ${what()} within ${seconds} s`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** The mean colour of a part of what `scratch` holds; all four in fractions of the picture. */
  function mean(left, top, right, bottom) {
    const { width, height } = scratch.canvas;
    const x = Math.round(left * width);
    const y = Math.round(top * height);
    const part = scratch.getImageData(x, y, Math.round(right * width) - x, Math.round(bottom * height) - y).data;
    const sum = [0, 0, 0];
    for (let at = 0; at < part.length; at += 4) for (let c = 0; c < 3; c++) sum[c] += part[at + c];
    return sum.map((one) => (one * 4) / part.length);
  }

  /** The number and the colours of a numbered picture (lkhost/pictures.py), from any source of an image; nothing
   * where that has nothing to draw yet. */
  function measure(image, width, height, left = 0, top = 0) {
    Object.assign(scratch.canvas, { width, height });
    scratch.drawImage(image, left, top, width, height, 0, 0, width, height);
    if (!scratch.getImageData(0, 0, 1, 1).data[3]) return null;
    let number = 0;
    for (let bit = 0; bit < BITS; bit++) {
      const [red, green, blue] = mean((bit + 0.25) / BITS, 1 / 16, (bit + 0.75) / BITS, 3 / 16);
      number = number * 2 + (red + green + blue > 3 * 127 ? 1 : 0);
    }
    const fields = [];
    for (let at = 0; at < FIELDS; at++) {
      fields.push(mean((at + 0.25) / FIELDS, 13 / 16, (at + 0.75) / FIELDS, 15 / 16));
    }
    return { number, fields, width, height };
  }

  function watch(track) {
    const element = track.attach();
    const seen = [];
    const look = () => {
      const one = measure(element, element.videoWidth, element.videoHeight);
      if (one) seen.push(one);
      if (seen.length > KEPT) seen.shift();
      element.requestVideoFrameCallback(look);
    };
    element.requestVideoFrameCallback(look);
    document.body.append(element);
    return { track, element, seen };
  }

  function listen(track) {
    // Chromium lets a remote track's sound flow only while an element plays it.
    const element = track.attach();
    document.body.append(element);
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(analyser);
    return { track, element, context, analyser };
  }

  // As the hosts of tests/python fill them.
  const filled = (size) => '0123456789abcdef'.repeat(size / 16 + 1).slice(0, size);

  async function digest(pieces) {
    const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
    const sha = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return { size: bytes.length, sha: [...sha].map((one) => one.toString(16).padStart(2, '0')).join('') };
  }

  const named = (name) => until(() => `remote track ${name}`, () => remote.get(name));

  return {
    async join(url, token, options, key) {
      if (key) {
        keys = new LivekitClient.ExternalE2EEKeyProvider();
        await keys.setKey(key);
        const worker = new Worker('livekit-client.e2ee.worker.js');
        options = { ...options, encryption: { keyProvider: keys, worker } };
      }
      room = new Room(options);
      if (key) await room.setE2EEEnabled(true);
      room.on(RoomEvent.TrackSubscribed, (track, publication) => {
        remote.set(publication.trackName, track.kind === 'video' ? watch(track) : listen(track));
      });
      room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
        data.push({ text: new TextDecoder().decode(payload), from: participant?.identity, topic });
      });
      await room.connect(url, token);
    },

    leave: () => room?.disconnect(),

    setKey: (key) => keys.setKey(key),

    /** Waits until somebody is there and active: before that the server has nobody to give data to. The server tells it
     * up to three seconds late. (`isActive` is younger than the older client.) */
    meet(identity) {
      const state = () => room.remoteParticipants.get(identity)?.participantInfo?.state;
      return until(() => `${identity} that is active`, () => state() === ACTIVE);
    },

    async publishCamera(name, codec, width, height) {
      const [track] = await room.localParticipant.createTracks({ video: { resolution: { width, height } } });
      await room.localParticipant.publishTrack(track, { name, videoCodec: codec, backupCodec: false });
    },

    async publishMicrophone(name) {
      const plain = { autoGainControl: false, echoCancellation: false, noiseSuppression: false, voiceIsolation: false };
      const [track] = await room.localParticipant.createTracks({ audio: plain });
      await room.localParticipant.publishTrack(track, { name });
    },

    /** What the next `count` shown pictures of a track hold; of this width, where one is given. */
    async see(name, count, width) {
      const { seen } = await named(name);
      seen.length = 0;
      const wanted = () => seen.filter((one) => !width || one.width === width);
      await until(() => `${count} pictures of ${name}, but ${wanted().length},`, () => wanted().length >= count);
      return wanted().slice(0, count);
    },

    /** The numbered picture inside a PNG (base64), at the place where the track's element stands on the page. */
    async measurePicture(name, png) {
      const { element } = await named(name);
      const place = element.getBoundingClientRect();
      const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
      return measure(image, place.width, place.height, place.left, place.top);
    },

    /** The loudest frequency (Hz) of a track and its level (dB), once there is anything to hear and it does not become louder. */
    async hear(name) {
      const { analyser, context } = await named(name);
      const bins = new Float32Array(analyser.frequencyBinCount);
      let before = -Infinity;
      return until(() => `sound of ${name}`, () => {
        analyser.getFloatFrequencyData(bins);
        const at = bins.indexOf(Math.max(...bins));
        const level = bins[at];
        // While it becomes louder the analyser still has the silence before it, whose end is no tone.
        const steady = level > -60 && level < before + 1;
        before = level;
        return steady && { frequency: (at * context.sampleRate) / analyser.fftSize, level };
      });
    },

    /** The track's inbound figures, its codec's among them. */
    async inbound(name) {
      const { track } = await named(name);
      return until(() => `figures of ${name}`, async () => {
        const all = await track.getRTCStatsReport();
        const found = [...all.values()].find((one) => one.type === 'inbound-rtp');
        return found?.codecId && { ...found, mimeType: all.get(found.codecId).mimeType };
      });
    },

    say: (text, topic) =>
      room.localParticipant.publishData(new TextEncoder().encode(text), { reliable: true, topic }),

    heard: (topic) => until(() => `message on ${topic}`, () => data.find((one) => one.topic === topic)),

    /** Serves a method: with `code` by refusing it, else by answering with what came. */
    async serve(method, code, message, extra) {
      room.registerRpcMethod(method, async ({ payload }) => {
        if (code) throw new LivekitClient.RpcError(code, message, extra);
        return payload;
      });
    },

    /** Calls a method with a payload of `size` letters: whether they came back, or the error. */
    async perform(destinationIdentity, method, size) {
      const payload = filled(size);
      try {
        const answer = await room.localParticipant.performRpc({ destinationIdentity, method, payload });
        return { length: answer.length, whole: answer === filled(answer.length) };
      } catch (error) {
        return { code: error.code, message: error.message, data: error.data };
      }
    },

    /** Has every call from now on say that it is of another version of calls, in packets and in streams. */
    async pretendVersion(version) {
      const { engine } = room;
      const send = Object.getPrototypeOf(engine).sendDataPacket;
      engine.sendDataPacket = (packet, kind) => {
        const { case: kindOfPacket, value } = packet.value;
        if (kindOfPacket === 'rpcRequest') value.version = version;
        const attributes = kindOfPacket === 'streamHeader' ? value.attributes : {};
        if ('lk.rpc_request_version' in attributes) attributes['lk.rpc_request_version'] = `${version}`;
        return send.call(engine, packet, kind);
      };
    },

    /** Reads every stream of a topic to its end. */
    async takeStreams(topic) {
      const take = (kind, read) => async (reader, { identity }) => {
        const { id, name, attributes } = reader.info;
        const content = await read(reader);
        data.push({ topic, kind, from: identity, id, name, attributes, ...content });
      };
      room.registerTextStreamHandler(topic, take('text', async (reader) => ({ text: await reader.readAll() })));
      room.registerByteStreamHandler(topic, take('bytes', async (reader) => digest(await reader.readAll())));
    },

    async sendText(text, topic, attributes) {
      await room.localParticipant.sendText(text, { topic, attributes });
    },

    /** Sends `size` bytes, each its place modulo 251. */
    async sendBytes(size, topic, name) {
      const writer = await room.localParticipant.streamBytes({ topic, name, totalSize: size });
      await writer.write(Uint8Array.from({ length: size }, (_, at) => at % 251));
      await writer.close();
    },
  };
})();
