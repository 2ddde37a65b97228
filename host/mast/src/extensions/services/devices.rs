//! Devices of a line, for outputs whose devices stay in touch.

use mast_model::LineId;
use mast_plugin::records::DeviceEvent;
use mast_plugin::services::ServiceError;

use crate::accounts::{Accounts, BindError};
use crate::devices::Devices;

/// The rooms that know of devices. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// Whose they are.
    pub accounts: Accounts,
    /// What they are to be told.
    pub devices: Devices,
}

impl Desk {
    pub(super) fn bind(&self, line: LineId, device: &str) -> Result<(), ServiceError> {
        self.accounts.bind_device(line, device).map_err(|error| {
            let code = match error {
                BindError::Malformed => "malformed",
                BindError::Conflict => "conflict",
                BindError::Limit(_) => "limit",
                _ => "internal",
            };
            ServiceError { code, message: error.to_string() }
        })
    }

    pub(super) fn next_event(&self, line: LineId, device: &str) -> Option<DeviceEvent> {
        let event = self.devices.next_event(line, device)?;
        let mut attrs = Vec::new();
        attrs.extend(event.channel.map(|channel| ("channel".to_owned(), channel.to_string())));
        if event.confirm {
            attrs.push(("confirm".to_owned(), "true".to_owned()));
        }
        Some(DeviceEvent { id: event.id, code: event.code.name().to_owned(), text: event.text.clone(), attrs })
    }

    pub(super) fn confirm_event(&self, line: LineId, device: &str, event: u64) {
        self.devices.confirm(line, device, event);
    }
}
