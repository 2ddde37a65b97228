//! What [`crate::export_plugin!`] expands to: the plugin's exports, implemented once for every plugin of a kind.
//!
//! A component instance keeps one loaded plugin; an instance on which loading failed answers every call with that error.

use crate::{Result, log};

/// The place where an instance keeps its plugin; implemented by the macro.
pub trait Instance {
    /// The plugin's type.
    type Plugin;

    /// Runs `call` with the plugin, loading it first where this instance has not yet.
    fn with<R>(call: impl FnOnce(&Self::Plugin) -> Result<R>) -> Result<R>;
}

/// Writes a panic's message and place to the host's log, before the trap ends the instance.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        log::write(log::Level::Error, &format!("panicked{place}: {message}"));
    }));
}

#[cfg(target_arch = "wasm32")]
mod guest {
    use super::Instance;
    use crate::bindings::host::mast::{
        auth::types as auth,
        base::{streams::ByteSource, types::PluginError, types::Summary},
        epg::sink::GuideSink,
        output::{response::ResponseSink, types as output, views::Line},
        source::{sink::CatalogSink, types::Upstream},
    };
    use crate::bindings::{catalog, handler, importer, lifecycle, policy, resolver};
    use crate::{auth::Policy, epg::Epg, output::Output, source::Resolver, source::Source};

    impl<I: Instance> lifecycle::exports::mast::base::lifecycle::Guest for I {
        fn init() -> Result<(), PluginError> {
            Ok(I::with(|_| Ok(()))?)
        }
    }

    impl<I: Instance<Plugin: Source>> catalog::exports::mast::source::catalog::Guest for I {
        fn refresh(out: &CatalogSink) -> Result<Summary, PluginError> {
            Ok(I::with(|plugin| crate::source::refresh(plugin, out))?)
        }
    }

    impl<I: Instance<Plugin: Resolver>> resolver::exports::mast::source::resolver::Guest for I {
        fn resolve(key: String, attempt: u32) -> Result<Upstream, PluginError> {
            Ok(I::with(|plugin| plugin.resolve(&key, attempt))?)
        }
    }

    impl<I: Instance<Plugin: Epg>> importer::exports::mast::epg::importer::Guest for I {
        fn run(input: &ByteSource, out: &GuideSink) -> Result<Summary, PluginError> {
            Ok(I::with(|plugin| crate::epg::run(plugin, &mut crate::ByteSource::lent(input), out))?)
        }
    }

    impl<I: Instance<Plugin: Output>> handler::exports::mast::output::handler::Guest for I {
        fn routes() -> Vec<output::Route> {
            // The interface has no room for an error here; `init` has reported it by now.
            I::with(|plugin| Ok(plugin.routes())).unwrap_or_default()
        }

        fn handle(request: output::Request, line: Option<&Line>, out: &ResponseSink) -> Result<(), PluginError> {
            Ok(I::with(|plugin| crate::output::handle(plugin, &request, line, out))?)
        }
    }

    impl<I: Instance<Plugin: Policy>> policy::exports::mast::auth::policy::Guest for I {
        fn key_fields() -> Vec<String> {
            I::with(|plugin| Ok(plugin.key_fields())).unwrap_or_default()
        }

        fn decide(request: auth::Request) -> Result<auth::Decision, PluginError> {
            Ok(I::with(|plugin| plugin.decide(&request))?)
        }
    }
}

/// Makes a type the plugin of this crate: `export_plugin!(MyPlugin: source)`, where the kind is `source`, `source, resolver`, `epg`,
/// `output` or `auth`. It embeds the `plugin.toml` beside the crate's `Cargo.toml` as the manifest and reports panics to the host's
/// log. Once per crate.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty: source) => {
        $crate::__export_plugin!($plugin, $crate::source::Source, $crate::source::Source, catalog export_catalog);
    };
    ($plugin:ty: source, resolver) => {
        $crate::__export_plugin!(
            $plugin, $crate::source::Resolver, $crate::source::Source, catalog export_catalog, resolver export_resolver
        );
    };
    ($plugin:ty: epg) => {
        $crate::__export_plugin!($plugin, $crate::epg::Epg, $crate::epg::Epg, importer export_importer);
    };
    ($plugin:ty: output) => {
        $crate::__export_plugin!($plugin, $crate::output::Output, $crate::output::Output, handler export_handler);
    };
    ($plugin:ty: auth) => {
        $crate::__export_plugin!($plugin, $crate::auth::Policy, $crate::auth::Policy, policy export_policy);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin {
    ($plugin:ty, $bound:path, $loads:path, $($module:ident $export:ident),+) => {
        const _: () = {
            const fn implements<P: $bound>() {}
            implements::<$plugin>();
            const MANIFEST: &[u8] = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/plugin.toml"));
            assert!(!MANIFEST.is_empty(), "plugin.toml is empty");
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "mast-manifest")]
            static MANIFEST: [u8; ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/plugin.toml")).len()] =
                *::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/plugin.toml"));

            struct Exports;

            impl $crate::export::Instance for Exports {
                type Plugin = $plugin;

                fn with<R>(call: impl FnOnce(&$plugin) -> $crate::Result<R>) -> $crate::Result<R> {
                    ::std::thread_local! {
                        static PLUGIN: ::std::cell::OnceCell<$crate::Result<$plugin>> = const { ::std::cell::OnceCell::new() };
                    }
                    PLUGIN.with(|plugin| {
                        let loaded = plugin.get_or_init(|| {
                            $crate::export::report_panics();
                            <$plugin as $loads>::load()
                        });
                        loaded.as_ref().map_err(::core::clone::Clone::clone).and_then(call)
                    })
                }
            }

            $crate::bindings::lifecycle::export_lifecycle!(Exports with_types_in $crate::bindings::lifecycle);
            $($crate::bindings::$module::$export!(Exports with_types_in $crate::bindings::$module);)+
        };
    };
}
