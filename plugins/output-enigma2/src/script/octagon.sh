#!/bin/sh
# Puts the channels of your line on this box. Run it again to update them.
set -u
umask 022

FOLDER=${FOLDER:-/var/freetvplus}
LIST=@LIST@

main() {
    feed=$FOLDER/internettv.feed
    if wget -q -T 60 -O "$feed.load" "$LIST" && [ -s "$feed.load" ] && tr -d '\r' < "$feed.load" > "$feed.new"; then
        rm -f "$feed.load"
        mv -f "$feed.new" "$feed"
    else
        rm -f "$feed.load" "$feed.new"
        printf '%s\n' 'The list was not fetched; what is there stays' >&2
        exit 1
    fi
}

main "$@"
