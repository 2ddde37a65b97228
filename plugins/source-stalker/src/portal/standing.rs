//! What the portal says of the account: its profile, and logging in where it asks for that.

use mast_sdk::json::{self, Fields};
use mast_sdk::location::{percent_encode, with_secrets};
use mast_sdk::{Code, Error, Pairs, Result, clock};
use serde_json::{Value, json};

use super::{MOST, Portal};
use crate::expiry;

const WHAT: &str = "the profile";
/// What portals look for to tell a box from a browser.
const VERSION: &str = "ImageDescription: 0.2.18-r14-pub-250; ImageDate: Fri Jan 15 15:20:44 EET 2016; PORTAL version: 5.6.1; \
    API Version: JS API version: 328; STB API version: 134; Player Engine version: 0x566";

impl Portal<'_> {
    /// The profile of a box that may watch.
    pub(super) fn profile(&mut self) -> Result<Fields> {
        let profile = self.ask_profile(false)?;
        match profile.whole("status") {
            Some(2) => {}
            Some(1) => return Err(refused("the portal has blocked this MAC address; ask its operator")),
            _ => return Ok(profile),
        }
        if self.settings.login.is_empty() {
            return Err(refused("the portal asks for a login; set login and password"));
        }
        self.log_in()?;
        let profile = self.ask_profile(true)?;
        match profile.whole("status") {
            Some(1 | 2) => Err(refused("the portal still refuses this MAC address after the login; ask its operator")),
            _ => Ok(profile),
        }
    }

    fn log_in(&mut self) -> Result<()> {
        const WHAT: &str = "the login";
        let secret = |text: &str| with_secrets(text).map(|text| percent_encode(&text));
        let query = format!(
            "type=stb&action=do_auth&login={}&password={}&device_id={}&device_id2={}",
            secret(&self.settings.login)?,
            secret(&self.settings.password)?,
            secret(&self.settings.device_id)?,
            secret(&self.settings.device_id2)?
        );
        let answer = Fields::of(json::document(self.once(&query, WHAT)?, WHAT, MOST)?);
        if answer.flag("js") { Ok(()) } else { Err(refused("the portal refuses login and password; check them")) }
    }

    fn ask_profile(&self, second: bool) -> Result<Fields> {
        let answer = json::document(self.once(&self.profile_query(second)?, WHAT)?, WHAT, MOST)?;
        Ok(Fields::of(answer).object("js"))
    }

    pub(crate) fn profile_query(&self, second: bool) -> Result<String> {
        let secret = |text: &str| with_secrets(text).map(|text| percent_encode(&text));
        let (serial, device) = (with_secrets(&self.settings.serial)?, secret(&self.settings.device_id)?);
        let metrics = json!({
            "mac": self.mac, "sn": serial, "model": "MAG250", "type": "STB", "uid": "", "random": self.session.random,
        });
        Ok(format!(
            "type=stb&action=get_profile&hd=1&ver={}&num_banks=2&sn={}&stb_type=MAG250&client_type=STB&image_version=218&video_out=hdmi\
             &device_id={device}&device_id2={}&signature=&auth_second_step={}&hw_version=1.7-BD-00&not_valid_token=0&metrics={}\
             &hw_version_2=&timestamp={}&api_signature=262&prehash=0",
            percent_encode(VERSION),
            percent_encode(&serial),
            secret(&self.settings.device_id2)?,
            u8::from(second),
            percent_encode(&metrics.to_string()),
            clock::now(),
        ))
    }

    /// For the summary. Portals say when an account ends in several places; those made of Xtream panels in the field for the phone.
    pub(super) fn standing(&mut self, profile: &Fields) -> Result<Pairs> {
        let mut standing = vec![("provider-status".to_owned(), "Active".to_owned())];
        let account = match self.js("type=account_info&action=get_main_info", "the account") {
            Ok(account) => Fields::of(account),
            // Not every portal has it.
            Err(error) if matches!(error.code, Code::NotFound | Code::Malformed) => Fields::of(Value::Null),
            Err(error) => return Err(error),
        };
        let ends = ["end_date", "expire_date", "phone"]
            .iter()
            .filter_map(|name| account.text(name))
            .find_map(|text| expiry::read(&text));
        let names = ["expire_billing_date", "tariff_expired_date", "exp_date"];
        let ends =
            ends.or_else(|| names.iter().filter_map(|name| profile.text(name)).find_map(|text| expiry::read(&text)));
        let most =
            profile.whole("max_connections").or_else(|| account.whole("max_connections")).filter(|most| *most > 0);
        for (key, number) in [("provider-expires", ends), ("provider-connections", most)] {
            if let Some(number) = number {
                standing.push((key.to_owned(), number.to_string()));
            }
        }
        Ok(standing)
    }
}

fn refused(message: &str) -> Error {
    Error::new(Code::Unauthorized, message)
}
