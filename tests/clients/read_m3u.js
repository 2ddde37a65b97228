// Prints what the packages iptv-playlist-parser and @iptv/playlist make of the playlist on standard input, as JSON: the answer of the first, and
// the channels that the second found under "channels".
const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const fromClients = createRequire(join(process.argv[2], 'package.json'))
const parser = fromClients('iptv-playlist-parser')
const { parseM3U } = fromClients('@iptv/playlist')
const text = readFileSync(0, 'utf8')
process.stdout.write(JSON.stringify({ ...parser.parse(text), channels: parseM3U(text).channels }))
