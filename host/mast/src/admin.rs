//! The admin API, so far on the control socket in the data folder: what  talks to while a server runs.
