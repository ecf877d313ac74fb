//! Which files of a repository make the model.

use crate::error::PullError;
use crate::hub::HubFile;
use crate::store::Format;

/// What is taken when nobody says: small with little loss first, exact last.
const PREFERRED: [&str; 10] = [
    "Q4_K_M", "Q4_0", "Q4_K_S", "Q5_K_M", "Q5_0", "Q6_K", "Q8_0", "Q4_1", "F16", "BF16",
];

/// Small files that belong to a safetensors model, where they exist.
const COMPANIONS: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
];

/// The files to fetch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) format: Format,
    pub(crate) files: Vec<HubFile>,
    /// Other files that could have been taken.
    pub(crate) others: Vec<String>,
}

/// Chooses among the files of `repo`. `wanted` is a file's path, its end, or a quantisation.
pub(crate) fn choose(repo: &str, files: &[HubFile], wanted: Option<&str>) -> Result<Choice, PullError> {
    let models: Vec<&HubFile> = files.iter().filter(|file| is_gguf_model(&file.path)).collect();
    let names = || models.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
    let take = |file: &HubFile| Choice {
        format: Format::Gguf,
        files: vec![file.clone()],
        others: names().into_iter().filter(|name| *name != file.path).collect(),
    };
    if let Some(wanted) = wanted {
        return match find(&models, wanted).as_slice() {
            [file] => Ok(take(file)),
            [] => Err(PullError::Choose {
                repo: repo.to_owned(),
                why: format!("`{wanted}` is none of its GGUF files"),
                files: names(),
            }),
            several => Err(PullError::Choose {
                repo: repo.to_owned(),
                why: format!("`{wanted}` fits several files"),
                files: several.iter().map(|file| file.path.clone()).collect(),
            }),
        };
    }
    if let [file] = models.as_slice() {
        return Ok(take(file));
    }
    if models.is_empty() {
        return safetensors(repo, files);
    }
    let best = PREFERRED
        .iter()
        .find_map(|quantisation| models.iter().find(|file| has_tag(&file.path, quantisation)));
    best.map(|file| take(file)).ok_or_else(|| PullError::Choose {
        repo: repo.to_owned(),
        why: "several files could be meant".to_owned(),
        files: names(),
    })
}

fn safetensors(repo: &str, files: &[HubFile]) -> Result<Choice, PullError> {
    let error = |why: &str| PullError::NotAModel {
        what: repo.to_owned(),
        why: why.to_owned(),
    };
    let at_top = |file: &&HubFile| !file.path.contains('/');
    let has = |name: &str| files.iter().any(|file| file.path == name);
    let mut weights: Vec<HubFile> = files
        .iter()
        .filter(at_top)
        .filter(|file| file.path.ends_with(".safetensors"))
        .cloned()
        .collect();
    if has("model.safetensors.index.json") {
        weights.retain(|file| file.path.starts_with("model-"));
    } else if has("model.safetensors") {
        weights.retain(|file| file.path == "model.safetensors");
    }
    match (weights.is_empty(), has("config.json")) {
        (true, _) => return Err(error("it has neither GGUF nor safetensors files")),
        (false, false) => return Err(error("it has safetensors files but no config.json")),
        (false, true) => {}
    }
    let companions = files
        .iter()
        .filter(|file| COMPANIONS.contains(&file.path.as_str()));
    Ok(Choice {
        format: Format::Safetensors,
        files: companions.cloned().chain(weights).collect(),
        others: Vec::new(),
    })
}

/// A GGUF file that is a whole language model: no vision projector, no split.
fn is_gguf_model(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.ends_with(".gguf") && !name.contains("mmproj") && !is_split(&name)
}

/// `…-00001-of-00003.gguf`
fn is_split(name: &str) -> bool {
    let stem = name.trim_end_matches(".gguf");
    let mut parts = stem.rsplit('-');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| part.len() == 5 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    number(parts.next()) && parts.next() == Some("of") && number(parts.next())
}

fn find<'a>(models: &[&'a HubFile], wanted: &str) -> Vec<&'a HubFile> {
    let matching = |test: &dyn Fn(&str) -> bool| -> Vec<&'a HubFile> {
        models.iter().filter(|file| test(&file.path)).copied().collect()
    };
    let exact = matching(&|path| path == wanted);
    if !exact.is_empty() {
        return exact;
    }
    let file_name = matching(&|path| {
        path.rsplit('/')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted))
    });
    if !file_name.is_empty() {
        return file_name;
    }
    matching(&|path| has_tag(path, wanted))
}

/// Whether the file's name carries this quantisation as a word of its own.
fn has_tag(path: &str, tag: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let tag = tag.to_ascii_lowercase();
    let stem = name.trim_end_matches(".gguf");
    stem.split(['-', '.']).any(|word| word == tag) || stem.ends_with(&format!("_{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<HubFile> {
        names
            .iter()
            .map(|name| HubFile {
                path: (*name).to_owned(),
                size: None,
                sha256: None,
            })
            .collect()
    }

    fn chosen(names: &[&str], wanted: Option<&str>) -> Result<String, String> {
        match choose("hf:o/r", &files(names), wanted) {
            Ok(choice) => Ok(choice
                .files
                .iter()
                .map(|file| file.path.as_str())
                .collect::<Vec<_>>()
                .join(" ")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_best_small_quantisation_is_taken_when_nobody_says() {
        for (names, expect) in [
            (
                &["m-q8_0.gguf", "m-q4_k_m.gguf", "m-q4_0.gguf"][..],
                "m-q4_k_m.gguf",
            ),
            (
                &["m.Q8_0.gguf", "m.Q4_0.gguf", "mmproj-m-f16.gguf"],
                "m.Q4_0.gguf",
            ),
            (&["README.md", "m.gguf", "config.json"], "m.gguf"),
            (
                &[
                    "m-Q4_K_M-00001-of-00002.gguf",
                    "m-Q4_K_M-00002-of-00002.gguf",
                    "m-Q8_0.gguf",
                ],
                "m-Q8_0.gguf",
            ),
            (&["big/m_f16.gguf", "m-weird.gguf"], "big/m_f16.gguf"),
        ] {
            assert_eq!(chosen(names, None).as_deref(), Ok(expect));
        }
    }

    #[test]
    fn a_file_is_found_by_path_name_or_quantisation() {
        let names = ["a/m-Q4_0.gguf", "a/m-Q4_0_4_4.gguf", "b/x-Q8_0.gguf"];
        for (wanted, expect) in [
            ("a/m-Q4_0.gguf", "a/m-Q4_0.gguf"),
            ("x-q8_0.GGUF", "b/x-Q8_0.gguf"),
            ("q4_0", "a/m-Q4_0.gguf"),
        ] {
            assert_eq!(chosen(&names, Some(wanted)).as_deref(), Ok(expect));
        }
        assert_eq!(
            chosen(&names, Some("Q2_K")),
            Err("`Q2_K` is none of its GGUF files: `hf:o/r` has a/m-Q4_0.gguf, a/m-Q4_0_4_4.gguf, b/x-Q8_0.gguf".into())
        );
        assert!(
            chosen(&["a/q4_0.gguf", "b/q4_0.gguf"], Some("q4_0"))
                .unwrap_err()
                .contains("several")
        );
        assert!(
            chosen(&["a.gguf", "b.gguf"], None)
                .unwrap_err()
                .contains("several files could be meant")
        );
    }

    #[test]
    fn a_safetensors_repository_comes_with_its_companions() {
        assert_eq!(
            chosen(
                &[
                    "README.md",
                    "config.json",
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                    "tokenizer.json",
                    "consolidated.safetensors",
                    "onnx/model.onnx",
                ],
                None
            )
            .as_deref(),
            Ok(
                "config.json model.safetensors.index.json tokenizer.json model-00001-of-00002.safetensors \
                model-00002-of-00002.safetensors"
            )
        );
        assert!(
            chosen(&["model.safetensors"], None)
                .unwrap_err()
                .contains("no config.json")
        );
        assert!(chosen(&["README.md"], None).unwrap_err().contains("neither"));
    }
}
