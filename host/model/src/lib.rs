//! Mast's domain types: what every room of the host agrees on.
//!
//! Nothing here does I/O, spawns, locks or knows a wire format. A type belongs here when two leaf crates need it.

pub mod catalog;
pub mod destination;
pub mod error;
pub mod guide;
pub mod id;
pub mod ledger;
pub mod library;
pub mod line;
pub mod operator;
pub mod plan;
pub mod redact;
pub mod reseller;
pub mod second_factor;
pub mod units;

pub use catalog::{CatchUp, Category, Channel, Upstream, UpstreamKind};
pub use destination::{Destination, DestinationRules, Refused};
pub use error::{Classified, ErrorClass, Side};
pub use guide::{EpisodeNumber, GuideChannel, GuideCredit, GuideText, Programme, ProgrammeDetails};
pub use id::{ApiKeyId, CategoryId, ChannelId, EntryId, InstanceId, LineId, OperatorId, PlanId, ResellerId, TitleId};
pub use ledger::{Account, Credits, Reason, ReasonCode, Reference};
pub use library::{Episode, Library, MediaFile, Title, TitleKind, VodCategory};
pub use line::{AboveLimit, Line, LineRecord, LineToken, Profiles};
pub use operator::{ApiKey, LoginSession, Operator, Role, Scope};
pub use plan::{Plan, Term, TermUnit};
pub use redact::{Secret, UpstreamUrl};
pub use reseller::{Reseller, ResellerLimits, ResellerRights, ResellerSession, ResellerTree, TreeError};
pub use second_factor::SecondFactor;
pub use units::{ByteSize, Span};
