//! How servers are named, to say it again.

use clap::ArgMatches;

use super::choice::{Config, is_given};
use super::origin::Origin;
use super::setting::Setting;
use crate::args::{ServerArgs, Way};

/// The options that a server is reached by, besides the context.
const OPTIONS: [(&str, &str); 17] = [
    ("config", "--config"),
    ("connect", "-c"),
    ("auth_file", "--auth-file"),
    ("max_request", "--max-request"),
    ("session_timeout", "--session-timeout"),
    ("request_timeout", "--request-timeout"),
    ("sasl_user", "--sasl-user"),
    ("sasl_password_file", "--sasl-password-file"),
    ("sasl_password_env", "--sasl-password-env"),
    ("kerberos_service", "--kerberos-service"),
    ("kerberos_host", "--kerberos-host"),
    ("tls_ca", "--tls-ca"),
    ("tls_cert", "--tls-cert"),
    ("tls_key", "--tls-key"),
    ("tls_password_file", "--tls-password-file"),
    ("tls_ca_password_file", "--tls-ca-password-file"),
    ("tls_server_name", "--tls-server-name"),
];

/// Those of them that take no value.
const SWITCHES: [(&str, &str); 3] = [
    ("kerberos", "--kerberos"),
    ("tls", "--tls"),
    ("tls_insecure_skip_verify", "--tls-insecure-skip-verify"),
];

impl Config {
    /// Marks what of the servers' arguments the context gives: what is only found may do less.
    pub(crate) fn mark(&self, server: &mut ServerArgs, settings: &[Setting], given: &ArgMatches) {
        server.connect_from = self.servers_of(settings);
        server.auth_file_from = self.auth_files_of(settings);
        server.tls.security_from = self.security_of(settings);
        let mut of_tls = SWITCHES.iter().chain(OPTIONS.iter());
        let flag = of_tls.find(|(id, _)| id.starts_with("tls") && is_given(given, id));
        server.tls.tls_flag = flag.map(|(_, flag)| *flag);
        server.way = self.way(given);
    }

    /// How a command named its servers, and how contexts name them.
    fn way(&self, given: &ArgMatches) -> Way {
        let mut words = Vec::new();
        if let Some(chosen) = self.chosen()
            && !matches!(chosen.origin, Origin::File(_))
        {
            words.extend(["--context".to_owned(), chosen.name.clone()]);
        } else if self.chosen().is_none() && is_given(given, "context") {
            // It keeps the default context away.
            words.extend(["--context".to_owned(), String::new()]);
        }
        for (id, option) in OPTIONS {
            let raw = given.get_raw(id).filter(|_| is_given(given, id));
            for value in raw.into_iter().flatten() {
                words.extend([option.to_owned(), value.to_string_lossy().into_owned()]);
            }
        }
        for (id, option) in SWITCHES {
            if is_given(given, id) {
                words.push(option.to_owned());
            }
        }
        if is_given(given, "auth") {
            // The credentials themselves are for nobody else to see.
            words.extend(["--auth".to_owned(), "SCHEME:CREDENTIALS".to_owned()]);
        }
        Way {
            words,
            context: self.chosen().map(|chosen| chosen.name.clone()),
            contexts: self.servers(),
        }
    }
}
