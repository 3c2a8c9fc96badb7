//! Making a connection: by redirect ([`start`], [`callback`]), by a form ([`submit`]) or by import.
//!
//! However it begins, it ends in [`save`]: one transaction with the connection, the log entry, the
//! event and the outcome for a waiting browser.

pub mod callback;
pub mod cause;
pub mod import;
pub mod outcome;
pub mod save;
pub mod start;
pub mod submit;

pub use callback::{Callback, Finished, callback_cookie_name};
pub use cause::Cause;
pub use import::{About, ImportConnection};
pub use outcome::{FlowFailure, FlowResult, Visit};
pub use start::{BrowserParams, Started};
pub use submit::Submitted;
