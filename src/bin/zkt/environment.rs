//! Variables of the environment.

use std::env;

/// Credentials for ZooKeeper.
pub(crate) const AUTH: &str = "ZKT_AUTH";
/// The password of key stores and keys.
pub(crate) const TLS_PASSWORD: &str = "ZKT_TLS_PASSWORD";
/// The password of the file of authorities.
pub(crate) const TLS_CA_PASSWORD: &str = "ZKT_TLS_CA_PASSWORD";
/// The password of a user of SASL.
pub(crate) const SASL_PASSWORD: &str = "ZKT_SASL_PASSWORD";
/// The token that the status address asks for.
pub(crate) const LISTEN_TOKEN: &str = "ZKT_LISTEN_TOKEN";
/// The token that the control socket of a server for tests asks for.
pub(crate) const CONTROL_TOKEN: &str = "ZKT_CONTROL_TOKEN";
/// The address of a webhook, which may hold a token.
pub(crate) const WEBHOOK: &str = "ZKT_WEBHOOK";
/// The secret of its signatures.
pub(crate) const WEBHOOK_SECRET: &str = "ZKT_WEBHOOK_SECRET";

/// The key of fingerprints.
pub(crate) const FINGERPRINT_KEY: &str = "ZKT_FINGERPRINT_KEY";
/// The key of age with which SOPS files are decrypted.
const SOPS_AGE_KEY: &str = "SOPS_AGE_KEY";
/// The file with such keys.
pub(crate) const SOPS_AGE_KEY_FILE: &str = "SOPS_AGE_KEY_FILE";

/// All variables that hold secrets of zkt. `zkt config` does not show them, and the command of `--on-change`
/// does not get them.
pub(crate) const SECRETS: [&str; 10] = [
    AUTH,
    SASL_PASSWORD,
    TLS_PASSWORD,
    TLS_CA_PASSWORD,
    LISTEN_TOKEN,
    CONTROL_TOKEN,
    WEBHOOK,
    WEBHOOK_SECRET,
    FINGERPRINT_KEY,
    SOPS_AGE_KEY,
];

/// Whether this runs in a CI system: they set the variable.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some()
}

/// A variable that is set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    const PREFIX: &str = "ZKT_";

    /// Those that hold no secret.
    const OTHERS: [&str; 23] = [
        "ZKT_ADDRESSES",
        "ZKT_COMPLETE",
        "ZKT_CONFIG",
        "ZKT_CONNECT",
        "ZKT_CONTEXT",
        "ZKT_FINGERPRINT_KEY_FILE",
        "ZKT_KERBEROS",
        "ZKT_KERBEROS_HOST",
        "ZKT_KERBEROS_SERVICE",
        "ZKT_PATH",
        "ZKT_PREVIOUS",
        "ZKT_REVISION",
        "ZKT_SASL_PASSWORD_FILE",
        "ZKT_SASL_USER",
        "ZKT_STATE",
        "ZKT_TLS",
        "ZKT_TLS_CA",
        "ZKT_TLS_CA_PASSWORD_FILE",
        "ZKT_TLS_CERT",
        "ZKT_TLS_INSECURE_SKIP_VERIFY",
        "ZKT_TLS_KEY",
        "ZKT_TLS_PASSWORD_FILE",
        "ZKT_TLS_SERVER_NAME",
    ];

    /// The variables that the code below a folder names.
    fn named_in(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                named_in(&path, names);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let words = text.split(|c: char| c != '_' && !c.is_ascii_uppercase());
                let names_one = |word: &&str| word.len() > PREFIX.len() && word.starts_with(PREFIX);
                names.extend(words.filter(names_one).map(str::to_owned));
            }
        }
    }

    #[test]
    fn of_each_variable_it_is_said_whether_it_holds_a_secret() {
        let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/zkt");
        let mut names = BTreeSet::new();
        named_in(&code, &mut names);
        for name in SECRETS.into_iter().filter(|name| name.starts_with(PREFIX)) {
            assert!(names.remove(name), "{name}");
        }
        let new: Vec<&String> = names
            .iter()
            .filter(|name| !OTHERS.contains(&name.as_str()))
            .collect();
        assert!(
            new.is_empty(),
            "add them to SECRETS, or to those that hold none: {new:?}"
        );
    }
}
