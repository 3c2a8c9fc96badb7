//! Finds the line of a key in a provider file, for findings a person can jump to.

/// The line (from 1) where `key` of `provider` stands in the text, or the nearest line above it in
/// the structure: the key's parent, else the entry itself.
pub fn line_of(text: &str, provider: &str, key: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_text =
        |line: &&&str| !matches!(line.trim().chars().next(), None | Some('#' | '{' | '-'));
    let outermost = lines.iter().find(is_text).map_or(0, |line| indent(line));
    let entry =
        lines.iter().position(|line| indent(line) == outermost && opens(line.trim(), provider));
    let (mut at, mut end) = match entry {
        Some(at) => (at, block_end(&lines, at)),
        None => (0, lines.len()),
    };
    let mut is_inside = entry.is_some();
    let mut rest = key;
    while !rest.is_empty() {
        let Some((found, taken)) = deepest(&lines, at, end, is_inside, rest) else { break };
        end = block_end(&lines, found);
        at = found;
        is_inside = true;
        rest = rest[taken..].trim_start_matches('.');
    }
    at + 1
}

/// The line that opens the longest leading part of a dotted key, and how many bytes that part has.
fn deepest(
    lines: &[&str],
    at: usize,
    end: usize,
    is_inside: bool,
    key: &str,
) -> Option<(usize, usize)> {
    // A name may hold dots itself.
    let cuts = key.match_indices('.').map(|(at, _)| at).chain([key.len()]);
    let mut cuts: Vec<usize> = cuts.collect();
    cuts.reverse();
    let from = if is_inside { at + 1 } else { at };
    cuts.into_iter().find_map(|cut| {
        let name = &key[..cut];
        let below = (from..end).find(|line| {
            let text = lines[*line].trim().trim_start_matches("- ");
            opens(text, name)
        });
        // A map written in one line.
        let in_flow = is_inside && lines.get(at).is_some_and(|line| holds_in_flow(line, name));
        below.or(in_flow.then_some(at)).map(|line| (line, cut))
    })
}

fn opens(text: &str, name: &str) -> bool {
    let bare = text.trim_start_matches(['"', '\'']);
    bare.strip_prefix(name)
        .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
}

fn holds_in_flow(line: &str, name: &str) -> bool {
    line.contains('{')
        && line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| matches!(c, '{' | ' ' | ',' | '"' | '\''))
                && opens(&line[at..], name)
        })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// One past the last line of the block that a line opens.
fn block_end(lines: &[&str], at: usize) -> usize {
    let own = indent(lines[at]);
    (at + 1..lines.len())
        .find(|line| {
            let text = lines[*line];
            !text.trim().is_empty() && !text.trim().starts_with('#') && indent(text) <= own
        })
        .unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "auth_mode: OAUTH2\nproxy:\n  headers:\n    x-a: 1\n  base_url: b\n\
                       connection_config: {sub: {title: S}}\ntoken_params:\n  team.id: 1\n";

    #[test]
    fn keys_are_found_where_they_stand() {
        for (key, line) in [
            ("", 1),
            ("auth_mode", 1),
            ("proxy.headers.x-a", 4),
            ("proxy.base_url", 5),
            ("proxy.nothing", 2),
            ("connection_config.sub.title", 6),
            ("token_params.team.id", 8),
            ("nowhere", 1),
        ] {
            assert_eq!(line_of(ONE, "acme", key), line, "{key}");
        }
    }

    #[test]
    fn json_has_lines_too() {
        let json = "{\n \"a\": {\n  \"docs\": \"x\"\n },\n \"b\": {\n  \"docs\": \"y\"\n }\n}\n";
        assert_eq!(line_of(json, "b", "docs"), 6);
    }

    #[test]
    fn an_entry_of_a_map_has_its_own_lines() {
        let map = "a:\n  auth_mode: NONE\nb:\n  auth_mode: NONE\n  docs: x\n";
        assert_eq!(line_of(map, "b", "docs"), 5);
        assert_eq!(line_of(map, "b", "auth_mode"), 4);
        assert_eq!(line_of(map, "b", "missing"), 3);
    }
}
