//! `mast:output/devices`: devices that stay in touch.

use wasmtime::component::Resource;

use super::LineView;
use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::output::mast::output::{devices, types};
use crate::imports::plugin_error;
use crate::state::State;

impl devices::Host for State {
    fn bind(&mut self, line: Resource<LineView>, device: String) -> wasmtime::Result<Result<(), PluginError>> {
        let line = self.table.get(&line)?;
        if !self.instance.grants.devices {
            let file = &self.instance.id;
            let message = format!("binding devices is not granted; add devices = true to [grant] in {file}.toml");
            return Ok(Err(plugin_error("not-granted", message)));
        }
        Ok(line.0.bind(&device).map_err(Into::into))
    }

    fn next_event(&mut self, line: Resource<LineView>, device: String) -> wasmtime::Result<Option<types::DeviceEvent>> {
        let event = self.table.get(&line)?.0.next_event(&device);
        Ok(event.map(|event| types::DeviceEvent {
            id: event.id,
            code: event.code,
            text: event.text,
            attrs: event.attrs,
        }))
    }

    fn confirm_event(&mut self, line: Resource<LineView>, device: String, event: u64) -> wasmtime::Result<()> {
        self.table.get(&line)?.0.confirm_event(&device, event);
        Ok(())
    }
}
