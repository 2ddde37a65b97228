"""An Xtream panel of the xtreamcodeserver package: prints its port and serves until it is ended.

Arguments: the URL that its only live channel leads to, and the text of which its films are made.
"""

import datetime
import sys

# What the package asks of newer interpreters and loggers is none of the test's business.
import warnings

warnings.simplefilter("ignore")

from xtreamcodeserver import (
    XTreamCodeCategory,
    XTreamCodeCredentials,
    XTreamCodeEpisode,
    XTreamCodeLive,
    XTreamCodeSerie,
    XTreamCodeServer,
    XTreamCodeType,
    XTreamCodeVod,
)
from xtreamcodeserver.entry.serie_season import XTreamCodeSeason
from xtreamcodeserver.providers.inmemory.credentials_provider import XTreamCodeCredentialsMemoryProvider
from xtreamcodeserver.providers.inmemory.entry_provider import XTreamCodeEntryMemoryProvider
from xtreamcodeserver.stream.httpredirectstream import XTreamCodeHTTPRedirectStream
from xtreamcodeserver.stream.memorystream import XTreamCodeMemoryStream

live, film = sys.argv[1], sys.argv[2].encode() * 100


def reel():
    return XTreamCodeMemoryStream(film, "video/mp4")


credentials = XTreamCodeCredentialsMemoryProvider()
expires = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)
credentials.add_or_update_credentials(XTreamCodeCredentials("me", "pass-word", expires, True, 2))
entries = XTreamCodeEntryMemoryProvider()
news = XTreamCodeCategory("News", XTreamCodeType.LIVE, 1)
news.add_entry(XTreamCodeLive("One & Only", XTreamCodeHTTPRedirectStream(live), "one.example", 11))
drama = XTreamCodeCategory("Drama", XTreamCodeType.VOD, 2)
drama.add_entry(XTreamCodeVod("The Film", "mp4", reel(), 21, None, "A plot."))
crime = XTreamCodeCategory("Crime", XTreamCodeType.SERIE, 3)
show = XTreamCodeSerie("The Show", 31, None, "Another plot.")
season = XTreamCodeSeason(1, "Season 1")
season.add_episode(XTreamCodeEpisode(1, "Pilot", "mp4", reel(), 41))
season.add_episode(XTreamCodeEpisode(2, "Second", "mp4", reel(), 42))
show.add_season(season)
crime.add_entry(show)
for category in (news, drama, crime):
    entries.add_category(category)

server = XTreamCodeServer(entries, None, credentials)
server.setup("127.0.0.1", 0)
server.start()
while server.m_http_server is None:
    pass
server.m_bind_port = server.m_http_server.server_address[1]
print(server.m_http_server.server_address[1], flush=True)
sys.stdin.read()
server.stop()
