"""Prints what the py-xmltv package makes of the XMLTV on standard input: channels and programmes, as JSON. What it does not know is an error."""

import json
import sys

from xmltv.models import Tv
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

strict = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True)
guide = XmlParser(config=strict).from_bytes(sys.stdin.buffer.read(), Tv)
text = lambda parts: "".join(part for one in parts[:1] for part in one.content)
read = {
    "channels": [{"id": one.id, "name": text(one.display_name)} for one in guide.channel],
    "programmes": [
        {
            "channel": one.channel,
            "start": one.start,
            "stop": one.stop,
            "title": text(one.title),
            "categories": [text([category]) for category in one.category],
        }
        for one in guide.programme
    ],
}
json.dump(read, sys.stdout)
