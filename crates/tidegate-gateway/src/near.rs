//! Names that look alike, for error messages.

/// At most three of `names` that look most like `wanted`; those too far away are left out.
pub(crate) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(200).collect();
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower: Vec<char> = name.to_lowercase().chars().collect();
            let part = !wanted.is_empty() && contains(&lower, &wanted) || contains(&wanted, &lower);
            let far = distance(&wanted, &lower);
            (part || far * 2 <= wanted.len().max(lower.len())).then_some((far, name))
        })
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

fn contains(text: &[char], part: &[char]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// How many characters must be added, removed or replaced (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_strangers_not_at_all() {
        let names = ["llama-3-8b", "llama-3-70b", "qwen2.5-0.5b", "org/tiny-llama"];
        for (wanted, expected) in [
            ("llama-3-8B", vec!["llama-3-8b", "llama-3-70b"]),
            ("qwen2.5", vec!["qwen2.5-0.5b"]),
            ("tiny-llama", vec!["org/tiny-llama"]),
            ("gpt-4", vec![]),
            ("", vec![]),
        ] {
            let found = near(wanted, names.iter().copied());
            assert!(found.starts_with(&expected), "{wanted}: {found:?}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{wanted}: {found:?}");
        }
    }
}
