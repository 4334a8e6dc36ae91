//! Options that people know from Terraform, and what does the same here.

use std::ffi::OsString;

/// What to do instead of the first of Terraform's options among the words of a command line that
/// could not be parsed.
pub(crate) fn hint(words: &[OsString]) -> Option<String> {
    let words = words.iter().skip(1).filter_map(|word| word.to_str());
    words.take_while(|word| *word != "--").find_map(|word| {
        let option = word.split('=').next().unwrap_or(word);
        let name = option.strip_prefix('-')?;
        let has_one_dash = !name.starts_with('-');
        let instead = instead(name.trim_start_matches('-'), has_one_dash)?;
        Some(format!("{option} is an option of Terraform; {instead}"))
    })
}

fn instead(name: &str, has_one_dash: bool) -> Option<&'static str> {
    Some(match name {
        "auto-approve" => "here it is --yes",
        "out" => "zkt saves no plan: zkt apply makes it, shows it and asks",
        "var" | "var-file" => {
            "there are no variables: a later layer replaces what an earlier one says, as in \
             zkt plan base.zkt prod.zkt"
        }
        "destroy" => "here it is zkt rm PATH",
        "refresh" | "refresh-only" => "there is no state: every plan reads the live tree",
        "state" | "state-out" | "backup" | "backend" | "backend-config" | "lock"
        | "lock-timeout" => {
            "there is no state file to keep or to lock: every write names the version that its \
             plan saw"
        }
        "input" => "without a terminal nothing is asked, and zkt apply needs --yes",
        "json" => "here it is --format json",
        "no-color" => "here it is --color never",
        // These are options here, too, with two dashes.
        "target" if has_one_dash => "here it is --target GLOB",
        "exclude" if has_one_dash => "here it is --exclude GLOB",
        "detailed-exitcode" if has_one_dash => "here it is --detailed-exitcode",
        "check" if has_one_dash => "here it is --check",
        "diff" if has_one_dash => "here it is --diff",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_for(words: &str) -> Option<String> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        hint(&words)
    }

    #[test]
    fn options_of_terraform_are_told_from_others() {
        assert_eq!(
            hint_for("zkt plan -target=/a x.zkt").as_deref(),
            Some("-target is an option of Terraform; here it is --target GLOB")
        );
        assert_eq!(
            hint_for("zkt apply --auto-approve x.zkt").as_deref(),
            Some("--auto-approve is an option of Terraform; here it is --yes")
        );
        for others in [
            "zkt plan --target=/a --nonsense",
            "zkt apply --yes x.zkt",
            "zkt register /a h:1 -- terraform -destroy",
            "zkt plan out",
        ] {
            assert_eq!(hint_for(others), None, "{others}");
        }
    }
}
