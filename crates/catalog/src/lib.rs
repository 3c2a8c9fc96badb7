//! The provider catalogue: what the server knows about each API, as data.
//!
//! [`load`] reads provider files (ours, or a map in the widespread `providers.yaml` keys),
//! [`schema`] gives them types, [`template`] and [`url`] fill in their placeholders, [`fields`]
//! checks what people typed, and [`lint`] says what is wrong with an entry. No I/O but reading
//! files whose path is given.

mod conform;
pub mod fields;
pub mod finding;
pub mod lines;
pub mod lint;
pub mod load;
pub mod overlay;
pub mod page;
pub mod pattern;
pub mod private_key;
pub mod read;
mod reader;
pub mod request_values;
pub mod schema;
mod scripts;
pub mod sigv4;
pub mod template;
pub mod time_format;
pub mod url;

/// The JSON schema of provider files, for editors.
pub const JSON_SCHEMA: &str = include_str!("../../../catalog/schema.json");

pub use fields::{
    FieldIssue, check_value, validate_connection_config, validate_credentials,
    validate_merged_connection_config,
};
pub use finding::{Finding, Level};
pub use lint::lint;
pub use load::{Catalog, CatalogError};
pub use overlay::{Changes, Overlay};
pub use private_key::{KeyError, KeyKind, PrivateKey, SigningPair};
pub use reader::scalar_text;
pub use request_values::RequestValues;
pub use schema::{AuthMode, ClientAuth, Field, Form, Format, Provider, Proxy, Verification};
pub use template::{Scope, Unresolved, references, render};
pub use url::{UrlError, render_url};
