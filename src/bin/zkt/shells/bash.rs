//! Bash takes words apart at `:` and `=`, as in `zk1:2181` and `git:main:trees`. clap's own script takes
//! such parts for words.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap_complete::engine;
use clap_complete::env::EnvCompleter;

/// Which word is completed; clap's scripts say so, too.
pub(crate) const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// The part of the word that bash replaces.
const PART: &str = "_ZKT_COMPLETE_PART";

const SCRIPT: &str = r#"_zkt() {
    local line=$COMP_LINE words=() index=0 i word
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        # Between parts of one word the line has no blank.
        if [[ $i -gt 0 && $line != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words[${#words[@]}]=$word
        fi
        [[ $i -eq $COMP_CWORD ]] && index=$((${#words[@]} - 1))
        line=${line#"${line%%[![:space:]]*}"}
        line=${line#"$word"}
    done
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY[${#COMPREPLY[@]}]=$word
    done < <(_CLAP_COMPLETE_INDEX=$index _ZKT_COMPLETE_PART=$2 VARIABLE=bash COMPLETER -- "${words[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -F _zkt BIN
"#;

#[derive(Debug)]
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == self.name()
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let script = SCRIPT.replace("VARIABLE", variable);
        let script = script.replace("COMPLETER", completer).replace("BIN", bin);
        out.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        here: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let index = std::env::var(INDEX)
            .ok()
            .and_then(|index| index.parse().ok());
        let index = index.unwrap_or(words.len().saturating_sub(1));
        let part = std::env::var(PART).unwrap_or_default();
        let word = words
            .get(index)
            .map(|word| word.to_string_lossy().into_owned());
        let word = word.unwrap_or_default();
        for candidate in engine::complete(command, words, index, here)? {
            let value = candidate.get_value().to_string_lossy();
            writeln!(out, "{}", reply(&word, &part, &value))?;
        }
        Ok(())
    }
}

/// What takes the place of the part: the candidate less what stands before it, as the shell reads it.
fn reply(word: &str, part: &str, candidate: &str) -> String {
    let before = word.strip_suffix(part).unwrap_or_default();
    let rest = candidate.strip_prefix(before).unwrap_or(candidate);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,@%+=~".contains(c);
    let escape = |c: char| match is_plain(c) {
        true => String::from(c),
        false => format!("\\{c}"),
    };
    rest.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_what_takes_the_place_of_the_part() {
        for (word, part, candidate, expected) in [
            ("/a", "/a", "/ab", "/ab"),
            ("git:main:tr", "tr", "git:main:trees/", "trees/"),
            ("git:", "", "git:main:", "main:"),
            ("--context=p", "p", "--context=prod", "prod"),
            ("/a", "/a", "/a b$", "/a\\ b\\$"),
        ] {
            assert_eq!(reply(word, part, candidate), expected, "{word}");
        }
    }
}
