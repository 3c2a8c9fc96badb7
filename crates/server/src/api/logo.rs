//! `GET /images/template-logos/{name}.svg`: a neutral mark for every provider, drawn from its
//! names. Brands are their owners'; letters and a colour tell providers apart as well.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method};

use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::etag;
use crate::route::{Auth, Endpoint};

/// The path of all marks.
pub(super) const FOLDER: &str = "/images/template-logos";
/// Most characters of a provider's name.
const NAME_CHARS_MAX: usize = 255;
/// A mark changes only with its provider's name for people.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// Relative luminance (WCAG 2.2) of every ground. White letters stand out from it by 4.8 to 1, and
/// the ground itself from a white page by as much and from a dark one by 3 to 1.
const LUMINANCE: f64 = 0.168;
/// How far the colours of one family lie apart, in degrees to either side.
const FAMILY_DEGREES: u32 = 25;
/// Hues, in degrees, that no mark has.
const OLIVE: (u32, u32) = (38, 78);

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
    let catalog = call.host.engine.catalog();
    let title = catalog.get(name).map_or(name, |provider| provider.display_name.as_str());
    let mark = mark(name, title);
    let tag = etag::of(mark.as_bytes());
    let mut response = axum::response::Response::new(mark.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CACHE_CONTROL, CACHE);
    Ok(etag::answer(call.headers(), &tag, response))
}

fn provider_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".svg").filter(|name| !name.is_empty())?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (plain && name.len() <= NAME_CHARS_MAX).then_some(name)
}

/// One or two letters on a colour of the provider's own. Providers of a family, which share the
/// first part of their key, have colours that lie side by side.
fn mark(key: &str, title: &str) -> String {
    let letters = letters(title).or_else(|| letters(key)).unwrap_or_else(|| "?".to_owned());
    let family = key.split(['-', '_']).find(|part| !part.is_empty()).unwrap_or(key);
    let shift = hash(key) % (2 * FAMILY_DEGREES + 1);
    let hue = (hash(family) % 360 + 360 + shift - FAMILY_DEGREES) % 360;
    // Dark yellows and olives look like dirt: the circle is laid out without them.
    let hue = f64::from(hue) * (360.0 - f64::from(OLIVE.1 - OLIVE.0)) / 360.0 + f64::from(OLIVE.1);
    let [red, green, blue] = ground(hue % 360.0);
    let size = if letters.chars().count() > 1 { 27 } else { 34 };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" role=\"img\" \
         aria-label=\"{letters}\"><rect width=\"64\" height=\"64\" rx=\"14\" \
         fill=\"#{red:02x}{green:02x}{blue:02x}\"/><text x=\"32\" y=\"33\" fill=\"#fff\" \
         font-family=\"system-ui,sans-serif\" font-size=\"{size}\" font-weight=\"600\" \
         text-anchor=\"middle\" dominant-baseline=\"central\">{letters}</text></svg>"
    )
}

/// The first letters of the first two words, or of the two halves of a word written `LikeThis`.
/// Only letters and digits, so that they need no escaping.
fn letters(name: &str) -> Option<String> {
    let mut found = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        // What follows a dot is an ending (`acme.io`) and no word.
        let begins = !(before.is_alphanumeric() || before == '.')
            || (before.is_lowercase() && c.is_uppercase());
        if c.is_alphanumeric() && begins {
            found.push(c);
        }
        before = c;
    }
    let letters: String = found.into_iter().take(2).flat_map(char::to_uppercase).collect();
    (!letters.is_empty()).then_some(letters)
}

/// The colour of a hue (degrees) whose relative luminance is [`LUMINANCE`]: hues of one lightness
/// differ in how bright they are, and white on yellow would be lost.
fn ground(hue: f64) -> [u8; 3] {
    let (mut dark, mut bright) = (0.0, 1.0);
    for _ in 0..16 {
        let middle = f64::midpoint(dark, bright);
        if luminance(rgb(hue, middle)) > LUMINANCE { bright = middle } else { dark = middle }
    }
    rgb(hue, dark)
}

/// HSL with a fixed saturation, as bytes.
fn rgb(hue: f64, lightness: f64) -> [u8; 3] {
    const SATURATION: f64 = 0.48;
    let reach = SATURATION * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|offset| {
        let at = (offset + hue / 30.0) % 12.0;
        let value = lightness - reach * (at - 3.0).min(9.0 - at).clamp(-1.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 255"
        )]
        let byte = (value * 255.0).round() as u8;
        byte
    })
}

/// Relative luminance of an sRGB colour, as WCAG 2.2 defines it.
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|byte| {
        let value = f64::from(byte) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// FNV-1a: the same in every release, so that a provider keeps its colour.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_words_and_of_halves() {
        for (name, expected) in [
            ("GitHub", "GH"),
            ("Stripe", "S"),
            ("Google Calendar", "GC"),
            ("GitHub (App)", "GH"),
            ("monday.com", "M"),
            ("6sense", "6"),
            ("AWS", "A"),
            ("ééé", "É"),
            ("-_9lives", "9"),
            ("<b>&", "B"),
        ] {
            assert_eq!(letters(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(letters("-"), None);
        assert!(mark("x", "").contains(">X</text>"));
    }

    #[test]
    fn every_ground_carries_its_letters_on_light_and_dark_pages() {
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for hue in 0..360 {
            let ground = luminance(ground(f64::from(hue)));
            assert!(contrast(1.0, ground) >= 4.5, "letters at {hue}");
            // A dark page is about #15171c.
            assert!(contrast(ground, luminance([0x15, 0x17, 0x1c])) >= 3.0, "dark page at {hue}");
        }
    }

    #[test]
    fn a_mark_is_drawn_from_its_names_alone() {
        assert_eq!(mark("github", "GitHub"), mark("github", "GitHub"));
        assert_ne!(mark("github", "GitHub"), mark("gitlab", "GitHub"));
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
