//! The committed OpenAPI document is the one this code writes.

use std::path::Path;

/// Set to write the document instead of comparing it.
const UPDATE: &str = "VALETKEY_UPDATE";

#[test]
#[expect(clippy::disallowed_methods, reason = "a developer asks for the file by this variable")]
fn the_committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let document = valetkey_server::openapi_document();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var(UPDATE).is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/reference/openapi.json is stale: run this test once with {UPDATE}=1"
    );
}
