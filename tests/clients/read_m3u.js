// Prints what the iptv-playlist-parser package makes of the playlist on standard input, as JSON.
const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const fromClients = createRequire(join(process.argv[2], 'package.json'))
const parser = fromClients('iptv-playlist-parser')
process.stdout.write(JSON.stringify(parser.parse(readFileSync(0, 'utf8'))))
