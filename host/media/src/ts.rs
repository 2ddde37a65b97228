//! MPEG-TS: packets, tables, PES headers and elementary stream headers.
