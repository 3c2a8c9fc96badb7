//! A text that a regular expression matches.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Repetitions where the expression leaves it open.
const REPEATS: u32 = 4;
const BYTES_MAX: usize = 4096;

/// A shortish text that the pattern matches, or none when it is too clever for this.
pub(crate) fn example_of(pattern: &str) -> Option<String> {
    let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = { hir }.parse(pattern).ok()?;
    let mut text = Vec::new();
    write(&hir, &mut text)?;
    String::from_utf8(text).ok()
}

fn write(hir: &Hir, text: &mut Vec<u8>) -> Option<()> {
    if text.len() > BYTES_MAX {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(class) => text.push(byte_of(class)?),
        HirKind::Repetition(repetition) => {
            let wished = repetition.min.max(REPEATS).min(repetition.max.unwrap_or(u32::MAX));
            for _ in 0..wished {
                write(&repetition.sub, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, text)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, text)?;
            }
        }
        HirKind::Alternation(sides) => write(sides.first()?, text)?,
    }
    Some(())
}

/// A member of a class: a letter or digit if there is one.
fn byte_of(class: &Class) -> Option<u8> {
    let holds = |byte: u8| match class {
        Class::Unicode(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&char::from(byte)))
        }
        Class::Bytes(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&byte))
        }
    };
    let plain = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./:=+";
    plain.iter().copied().find(|byte| holds(*byte)).or_else(|| (b' '..=b'~').find(|b| holds(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_what_the_pattern_wants() {
        for (pattern, text) in [
            ("^[a-z0-9-]+$", "aaaa"),
            (r"^AC[0-9a-f]{32}$", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            (r"^(eu|us)\.x\d*$", "eu.x0000"),
            ("^sk_(live|test)_[A-Za-z0-9]{3,}$", "sk_live_aaaa"),
        ] {
            assert_eq!(example_of(pattern).as_deref(), Some(text), "{pattern}");
        }
        assert_eq!(example_of("(?=a)b"), None);
    }
}
