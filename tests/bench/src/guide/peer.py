"""A guide into SQLite as panels do it: lxml.iterparse, one row for each programme, an index, a commit every 10,000 rows.

Arguments: the guide, the database. Prints how many programmes there were.
"""

import sqlite3
import sys
from datetime import datetime

from lxml import etree

guide, database = sys.argv[1:]
store = sqlite3.connect(database)
store.execute("PRAGMA journal_mode = WAL")
store.execute("PRAGMA synchronous = NORMAL")
store.execute(
    "CREATE TABLE programme (channel TEXT, start INTEGER, stop INTEGER, title TEXT, sub_title TEXT, description TEXT,"
    " categories TEXT, credits TEXT, episode TEXT, icon TEXT, date TEXT, rating TEXT)"
)


def seconds(text):
    return int(datetime.strptime(text, "%Y%m%d%H%M%S %z").timestamp()) if text else None


def joined(programme, path):
    return "|".join(found.text or "" for found in programme.iterfind(path))


def row(programme):
    icon = programme.find("icon")
    return (
        programme.get("channel"),
        seconds(programme.get("start")),
        seconds(programme.get("stop")),
        programme.findtext("title"),
        programme.findtext("sub-title"),
        programme.findtext("desc"),
        joined(programme, "category"),
        joined(programme, "credits/*"),
        programme.findtext("episode-num"),
        icon.get("src") if icon is not None else None,
        programme.findtext("date"),
        programme.findtext("rating/value"),
    )


def write(rows):
    store.executemany("INSERT INTO programme VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    store.commit()


rows, count = [], 0
for _, programme in etree.iterparse(guide, events=("end",), tag="programme"):
    rows.append(row(programme))
    count += 1
    # What was read must not stay in memory.
    programme.clear()
    while programme.getprevious() is not None:
        del programme.getparent()[0]
    if len(rows) == 10_000:
        write(rows)
        rows.clear()
write(rows)
store.execute("CREATE INDEX programme_by_channel ON programme (channel, start)")
store.commit()
print(count)
