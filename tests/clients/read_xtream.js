// Prints what the @iptv/xtream-api package gets out of an Xtream API, as JSON. Standard input: {"url", "username", "password"}.
const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const fromClients = createRequire(join(process.argv[2], 'package.json'))
const { Xtream } = fromClients('@iptv/xtream-api')
const { standardizedSerializer } = fromClients('@iptv/xtream-api/standardized')

async function all (options) {
  const xtream = new Xtream(options)
  const read = {
    profile: await xtream.getProfile(),
    server: await xtream.getServerInfo(),
    categories: await xtream.getChannelCategories(),
    movieCategories: await xtream.getMovieCategories(),
    showCategories: await xtream.getShowCategories(),
    channels: await xtream.getChannels(),
    movies: await xtream.getMovies(),
    shows: await xtream.getShows()
  }
  const first = (list, key) => list[0] && (list[0][key] || list[0].id)
  const channel = first(read.channels, 'stream_id')
  if (channel) {
    read.shortGuide = await xtream.getShortEPG({ channelId: channel, limit: 2 })
    read.guide = await xtream.getFullEPG({ channelId: channel })
  }
  const movie = first(read.movies, 'stream_id')
  if (movie) read.movie = await xtream.getMovie({ movieId: movie })
  const show = first(read.shows, 'series_id')
  if (show) read.show = await xtream.getShow({ showId: show })
  return read
}

const account = JSON.parse(readFileSync(0, 'utf8'))
Promise.all([all(account), all({ ...account, serializer: standardizedSerializer })]).then(
  ([plain, standardized]) => process.stdout.write(JSON.stringify({ plain, standardized })),
  error => { console.error(error); process.exit(1) }
)
