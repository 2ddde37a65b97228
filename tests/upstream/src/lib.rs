//! A test upstream: test patterns over HTTP as MPEG-TS, and every fault an upstream can have.
