//! FFmpeg: the only crate of the host that spawns processes. So far it only finds FFmpeg and reads its version; the
//! supervised worker comes with the transcoding path.
