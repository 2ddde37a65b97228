//! M3U playlists for players.
