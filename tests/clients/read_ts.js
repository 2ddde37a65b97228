// What mux.js makes of MPEG-TS segments: node read_ts.js INSTALLED < JSON
//
// Reads [{ "file": path, "discontinuity": bool }, ...] in the order of playing, prints one object for each as JSON. Packets, tables and PES
// packets are taken apart by mux.js; what it does not look at (continuity counters and clock references) is read from the packets here.
const { readFileSync } = require('fs')
const { join } = require('path')

const [installed] = process.argv.slice(2)
const { TransportPacketStream, TransportParseStream, ElementaryStream } =
  require(join(installed, 'node_modules/mux.js/lib/m2ts/m2ts.js'))
const { inspect } = require(join(installed, 'node_modules/mux.js/lib/tools/ts-inspector.js'))

const PACKET = 188
const WRAP = 2 ** 33
// The way round the circle of 33 bits that is shorter.
const distance = (from, to) => ((to - from + WRAP * 1.5) % WRAP) - WRAP / 2

let counters = new Map()
let clock = null

// Continuity counters and clock references over all segments.
function followPackets(bytes, account) {
  for (let at = 0; at + PACKET <= bytes.length; at += PACKET) {
    if (bytes[at] !== 0x47) account.out_of_step += 1
    const pid = ((bytes[at + 1] & 0x1f) << 8) | bytes[at + 2]
    const hasPayload = bytes[at + 3] & 0x10
    const flags = bytes[at + 3] & 0x20 && bytes[at + 4] > 0 ? bytes[at + 5] : 0
    if (hasPayload && pid !== 0x1fff) {
      const counter = bytes[at + 3] & 0x0f
      const before = counters.get(pid)
      if (before !== undefined && counter !== ((before + 1) & 0x0f) && !(flags & 0x80)) account.continuity_errors += 1
      counters.set(pid, counter)
    }
    if (flags & 0x10) {
      const reading = (bytes[at + 6] * 2 ** 25) + (bytes[at + 7] << 17) + (bytes[at + 8] << 9) + (bytes[at + 9] << 1) + (bytes[at + 10] >> 7)
      if (clock !== null && distance(clock, reading) < 0) account.clock_back += 1
      clock = reading
      account.clock_readings += 1
    }
  }
}

// Tables and PES packets of one segment, which has to make sense without the ones before.
function takeApart(bytes, account) {
  const [packets, parsed, elementary] = [new TransportPacketStream(), new TransportParseStream(), new ElementaryStream()]
  packets.pipe(parsed).pipe(elementary)
  parsed.on('data', ({ type, pid, payloadUnitStartIndicator, streamType }) => {
    if (account.heads.length < 2) account.heads.push(type)
    if (type === 'pes' && !account.first_of_pid.some((first) => first.pid === pid)) {
      account.first_of_pid.push({ pid, stream_type: streamType, starts: Boolean(payloadUnitStartIndicator) })
    }
  })
  elementary.on('data', ({ type, pts, dts, data }) => {
    if (type !== 'video' && type !== 'audio') return
    const track = account[type]
    // What comes before the first start has no time.
    if (pts === undefined) return void (track.without_time += 1)
    const time = dts ?? pts
    if (track.last !== null && distance(track.last, time) <= 0) track.back += 1
    if (distance(time, pts) < 0) track.back += 1
    track.first ??= time
    track.last = time
    track.units += 1
    // Annex B: a unit of video starts with a start code, a frame of AAC with a sync word.
    const starts = type === 'video' ? data[0] === 0 && data[1] === 0 : data[0] === 0xff && (data[1] & 0xf0) === 0xf0
    if (!starts) track.torn += 1
  })
  packets.push(bytes)
  packets.flush()
}

function read({ file, discontinuity }) {
  const bytes = new Uint8Array(readFileSync(file))
  if (discontinuity) {
    counters = new Map()
    clock = null
  }
  const track = () => ({ units: 0, first: null, last: null, back: 0, torn: 0, without_time: 0 })
  const account = {
    packets: bytes.length / PACKET,
    out_of_step: 0, continuity_errors: 0, clock_readings: 0, clock_back: 0,
    heads: [], first_of_pid: [], video: track(), audio: track(),
  }
  followPackets(bytes, account)
  takeApart(bytes, account)
  // From the picture that mux.js takes for the first keyframe to the first picture, in ticks.
  const key = inspect(bytes)?.video?.[0]
  account.key_after = key === undefined || account.video.first === null ? null : distance(account.video.first, key.dts)
  return account
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)))
