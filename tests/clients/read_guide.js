// Prints what the @iptv/xmltv and epg-parser packages make of the XMLTV on standard input, as JSON.
const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const fromClients = createRequire(join(process.argv[2], 'package.json'))
const text = readFileSync(0, 'utf8')
const read = { xmltv: fromClients('@iptv/xmltv').parseXmltv(text), 'epg-parser': fromClients('epg-parser').parse(text) }
process.stdout.write(JSON.stringify(read))
