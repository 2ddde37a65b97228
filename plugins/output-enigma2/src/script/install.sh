#!/bin/sh
# Puts the bouquets of your line on this box. Run it again to update them.
#   sh iptv.sh            bouquets, and the guide's sources where EPGImport is
#   sh iptv.sh picons     the same, and the channels' logos
#   sh iptv.sh uninstall  takes everything away again
# Nothing happens before the last line: half of a script does nothing.
set -u
umask 022

ETC=${ETC:-/etc}
PICON_DIR=${PICON_DIR:-/usr/share/enigma2/picon}
OPENWEBIF=${OPENWEBIF:-http://127.0.0.1}
ENIGMA=$ETC/enigma2
INDEX=$ENIGMA/bouquets.tv
EPGIMPORT=$ETC/epgimport
PREFIX=@PREFIX@
SOURCES=@SOURCES@
CHANNELS=@CHANNELS@
PICONS=@PICONS@
CR=$(printf '\r')
FILES=
FAILED=0

warn() {
    printf '%s\n' "$1" >&2
    FAILED=1
}

# fetch URL FILE START: FILE is replaced by a whole file that starts like this, or not at all.
fetch() {
    if wget -q -T 60 -O "$2.new" "$1" && [ -s "$2.new" ]; then
        first=
        IFS= read -r first < "$2.new"
        case "$first" in
            "$3"*) mv -f "$2.new" "$2" && return 0 ;;
        esac
    fi
    rm -f "$2.new"
    return 1
}

# add FILE URL NAME
add() {
    if fetch "$2" "$ENIGMA/$1" '#NAME '; then
        printf '%s\n' "$3"
    else
        warn "$3: not fetched; what is there stays"
    fi
    if [ -f "$ENIGMA/$1" ]; then
        FILES="$FILES $1"
    fi
}

# is_own FILE
is_own() {
    case "$1" in
        "userbouquet.$PREFIX.tv" | "userbouquet.${PREFIX}_"*.tv) return 0 ;;
    esac
    return 1
}

# is_wanted FILE
is_wanted() {
    case "$FILES " in
        *" $1 "*) return 0 ;;
    esac
    return 1
}

# The index with our lines once, where they were before; blank lines would end it.
index() {
    seen=
    if [ -f "$INDEX" ]; then
        while IFS= read -r line || [ -n "$line" ]; do
            line=${line%"$CR"}
            [ -n "$line" ] || continue
            case "$line" in
                *'FROM BOUQUET "'*)
                    file=${line#*FROM BOUQUET \"}
                    file=${file%%\"*}
                    if is_own "$file"; then
                        is_wanted "$file" || continue
                        case "$seen " in
                            *" $file "*) continue ;;
                        esac
                        seen="$seen $file"
                    fi
                    ;;
            esac
            printf '%s\n' "$line"
        done < "$INDEX"
    else
        printf '%s\n' '#NAME Bouquets (TV)'
    fi
    for file in $FILES; do
        case "$seen " in
            *" $file "*) ;;
            *) printf '#SERVICE 1:7:1:0:0:0:0:0:0:0:FROM BOUQUET "%s" ORDER BY bouquet\n' "$file" ;;
        esac
    done
}

write_index() {
    if index > "$INDEX.new" && [ -s "$INDEX.new" ]; then
        mv -f "$INDEX.new" "$INDEX"
    else
        rm -f "$INDEX.new"
        warn "$INDEX could not be written"
    fi
}

remove_old() {
    for path in "$ENIGMA/userbouquet.$PREFIX.tv" "$ENIGMA/userbouquet.${PREFIX}_"*.tv; do
        is_wanted "${path##*/}" || rm -f "$path"
    done
}

guide() {
    [ -d "$EPGIMPORT" ] || return 0
    fetch "$CHANNELS" "$EPGIMPORT/$PREFIX.channels.xml" '<?xml' || warn 'the list of guide channels was not fetched'
    fetch "$SOURCES" "$EPGIMPORT/$PREFIX.sources.xml" '<?xml' || warn 'the source of the guide was not fetched'
}

picons() {
    mkdir -p "$PICON_DIR"
    fetch "$PICONS" "$ENIGMA/$PREFIX.picons" '1_0_' || warn 'the list of logos was not fetched'
    [ -f "$ENIGMA/$PREFIX.picons" ] || return 0
    while read -r file url; do
        is_picon "$file" || continue
        case "$url" in
            [Hh][Tt][Tt][Pp]://* | [Hh][Tt][Tt][Pp][Ss]://*) ;;
            *) continue ;;
        esac
        [ -f "$PICON_DIR/$file" ] || fetch "$url" "$PICON_DIR/$file" '' || printf '%s\n' "$file: not fetched" >&2
    done < "$ENIGMA/$PREFIX.picons"
}

# is_picon FILE: nothing but the name of a logo, no path.
is_picon() {
    case "${1%.png}" in
        *[!0-9A-F_]* | '') return 1 ;;
    esac
}

remove_picons() {
    [ -f "$ENIGMA/$PREFIX.picons" ] || return 0
    while read -r file url; do
        if is_picon "$file"; then
            rm -f "$PICON_DIR/$file"
        fi
    done < "$ENIGMA/$PREFIX.picons"
    rm -f "$ENIGMA/$PREFIX.picons"
}

reload() {
    wget -q -T 10 -O /dev/null "$OPENWEBIF/web/servicelistreload?mode=2" ||
        printf '%s\n' 'OpenWebif does not answer: restart the box to see the bouquets' >&2
}

install() {
    @BOUQUETS@
    :
}

main() {
    if [ ! -d "$ENIGMA" ]; then
        printf '%s\n' "$ENIGMA is not there: this is no Enigma2 box" >&2
        exit 1
    fi
    case "${1-}" in
        '' | install | picons)
            install
            guide
            if [ "${1-}" = picons ]; then
                picons
            fi
            ;;
        uninstall)
            rm -f "$EPGIMPORT/$PREFIX.channels.xml" "$EPGIMPORT/$PREFIX.sources.xml"
            remove_picons
            ;;
        *)
            printf '%s\n' 'Known are: install, picons, uninstall' >&2
            exit 2
            ;;
    esac
    write_index
    remove_old
    reload
    exit "$FAILED"
}

main "$@"
