//! What `bindgen!` makes of `wit/`. Nothing here is written by hand, and nothing outside this crate sees it.
//!
//! The interfaces whose functions never wait (`types`, `log`, `config`, `secrets`, `kv`, `clock`, `random`) are generated once, in [`base`].
//! Those that may wait (`streams`, `http-client`, `files`) exist twice: async in [`base`] for the batch engine, and
//! sync in [`hot`], because a component that is linked to one async function can no longer be called synchronously.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]

/// `mast:base` for the batch engine.
pub mod base {
    wasmtime::component::bindgen!({
        path: ["../../wit/base"],
        world: "mast:base/imports",
        imports: {
            "mast:base/streams": async | trappable,
            "mast:base/http-client.fetch": async | trappable,
            default: trappable,
        },
        with: {
            "mast:base/streams.byte-source": crate::imports::ByteSource,
            "mast:base/http-client.response": crate::imports::Response,
        },
    });
}

/// `mast:base` for the hot engine: the interfaces that wait, as sync functions.
pub mod hot {
    wasmtime::component::bindgen!({
        path: ["../../wit/base"],
        world: "mast:base/imports",
        imports: { default: trappable },
        with: {
            "mast:base/types": crate::bindings::base::mast::base::types,
            "mast:base/log": crate::bindings::base::mast::base::log,
            "mast:base/config": crate::bindings::base::mast::base::config,
            "mast:base/secrets": crate::bindings::base::mast::base::secrets,
            "mast:base/kv": crate::bindings::base::mast::base::kv,
            "mast:base/clock": crate::bindings::base::mast::base::clock,
            "mast:base/random": crate::bindings::base::mast::base::random,
            "mast:base/streams.byte-source": crate::imports::ByteSource,
            "mast:base/http-client.response": crate::imports::Response,
        },
    });
}

/// `mast:source`, the optional resolver included; which of the exports are there is found out per component.
pub mod source {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/source"],
        world: "mast:source/source-with-resolver",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "mast:base": crate::bindings::base::mast::base,
            "mast:source/sink.catalog-sink": crate::imports::CatalogOut,
        },
    });
}

/// `mast:epg`.
pub mod epg {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/epg"],
        world: "mast:epg/epg",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "mast:base": crate::bindings::base::mast::base,
            "mast:epg/sink.guide-sink": crate::imports::GuideOut,
        },
    });
}

/// `mast:output`.
pub mod output {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/output"],
        world: "mast:output/output",
        imports: { default: trappable },
        with: {
            "mast:base/types": crate::bindings::base::mast::base::types,
            "mast:base/log": crate::bindings::base::mast::base::log,
            "mast:base/config": crate::bindings::base::mast::base::config,
            "mast:base/secrets": crate::bindings::base::mast::base::secrets,
            "mast:base/kv": crate::bindings::base::mast::base::kv,
            "mast:base/clock": crate::bindings::base::mast::base::clock,
            "mast:base/random": crate::bindings::base::mast::base::random,
            "mast:base/streams": crate::bindings::hot::mast::base::streams,
            "mast:base/http-client": crate::bindings::hot::mast::base::http_client,
            "mast:base/files": crate::bindings::hot::mast::base::files,
            "mast:output/views.line": crate::imports::LineView,
            "mast:output/views.cursor": crate::imports::LineupCursor,
            "mast:output/views.episode-cursor": crate::imports::EpisodeCursor,
            "mast:output/views.programme-cursor": crate::imports::ProgrammeCursor,
            "mast:output/response.response-sink": crate::imports::ResponseOut,
        },
    });
}

/// `mast:auth`.
pub mod auth {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/auth"],
        world: "mast:auth/auth",
        imports: { default: trappable },
        with: {
            "mast:base/types": crate::bindings::base::mast::base::types,
            "mast:base/log": crate::bindings::base::mast::base::log,
            "mast:base/config": crate::bindings::base::mast::base::config,
            "mast:base/secrets": crate::bindings::base::mast::base::secrets,
            "mast:base/kv": crate::bindings::base::mast::base::kv,
            "mast:base/clock": crate::bindings::base::mast::base::clock,
            "mast:base/random": crate::bindings::base::mast::base::random,
            "mast:base/streams": crate::bindings::hot::mast::base::streams,
            "mast:base/http-client": crate::bindings::hot::mast::base::http_client,
            "mast:base/files": crate::bindings::hot::mast::base::files,
        },
    });
}
