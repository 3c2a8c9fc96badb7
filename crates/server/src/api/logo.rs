//! `GET /images/template-logos/{name}.svg`: a neutral mark for every provider, drawn from its
//! name. Brands are their owners'; a letter and a colour tell providers apart as well.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method};

use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::route::{Auth, Endpoint};

/// The path of all marks.
pub(super) const FOLDER: &str = "/images/template-logos";
/// Most characters of a provider's name.
const NAME_CHARS_MAX: usize = 255;
/// A mark depends on nothing but its name.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=2592000");

/// The operation.
pub fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        Endpoint::new(Method::GET, "/images/template-logos/{file}", Auth::None, draw)
            .documented("Providers", "The mark of a provider, as SVG")
            .any_query(),
    ]
}

async fn draw(call: Call<App>) -> ApiResult {
    let name = provider_name(call.path("file"));
    let name = name.ok_or_else(|| ApiError::not_found("Marks are named <provider>.svg"))?;
    let mut response = axum::response::Response::new(mark(name).into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CACHE_CONTROL, CACHE);
    Ok(response)
}

fn provider_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".svg").filter(|name| !name.is_empty())?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (plain && name.len() <= NAME_CHARS_MAX).then_some(name)
}

/// The first letter of a name on a colour of its own. Lightness and saturation are fixed so that
/// the white letter stays readable.
fn mark(name: &str) -> String {
    let letter = name.chars().find(char::is_ascii_alphanumeric).unwrap_or('-').to_ascii_uppercase();
    let hue = hash(name) % 360;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" role=\"img\" \
         aria-label=\"{letter}\"><rect width=\"64\" height=\"64\" rx=\"14\" \
         fill=\"hsl({hue},42%,38%)\"/><text x=\"32\" y=\"33\" fill=\"#fff\" \
         font-family=\"system-ui,sans-serif\" font-size=\"34\" font-weight=\"600\" \
         text-anchor=\"middle\" dominant-baseline=\"central\">{letter}</text></svg>"
    )
}

/// FNV-1a: the same in every release, so that a provider keeps its colour.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_drawn_from_the_name_alone() {
        assert_eq!(mark("github"), mark("github"));
        assert_ne!(mark("github"), mark("gitlab"));
        assert!(mark("-_9lives").contains(">9</text>"));
    }

    #[test]
    fn only_provider_names_have_marks() {
        assert_eq!(provider_name("google-mail.svg"), Some("google-mail"));
        for bad in ["github", ".svg", "<a>.svg", "a b.svg", "../x.svg"] {
            assert_eq!(provider_name(bad), None, "{bad}");
        }
        assert_eq!(provider_name(&format!("{}.svg", "a".repeat(256))), None);
    }
}
