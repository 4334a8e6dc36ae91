//! TLS as the arguments say, else the environment.

use std::path::PathBuf;

use zkt::zookeeper::session::Options;
use zkt::{Password, Tls};

use crate::args::{SecuritySays, ServerArgs};
use crate::environment::{self, variable};
use crate::exit::Failure;

pub(crate) const ON: &str = "ZKT_TLS";
pub(crate) const CA: &str = "ZKT_TLS_CA";
pub(crate) const CERT: &str = "ZKT_TLS_CERT";
pub(crate) const KEY: &str = "ZKT_TLS_KEY";
pub(crate) const SERVER_NAME: &str = "ZKT_TLS_SERVER_NAME";
pub(crate) const INSECURE: &str = "ZKT_TLS_INSECURE_SKIP_VERIFY";
pub(crate) const PASSWORD_FILE: &str = "ZKT_TLS_PASSWORD_FILE";
pub(crate) const PASSWORD: &str = environment::TLS_PASSWORD;
pub(crate) const CA_PASSWORD_FILE: &str = "ZKT_TLS_CA_PASSWORD_FILE";
pub(crate) const CA_PASSWORD: &str = environment::TLS_CA_PASSWORD;

/// What is said of TLS.
pub(crate) fn tls(args: &ServerArgs) -> Result<Tls, Failure> {
    let given = &args.tls;
    let file = |given: &Option<PathBuf>, name| {
        let given = given.clone();
        given.or_else(|| variable(name).map(PathBuf::from))
    };
    let password = |given: &Option<PathBuf>, (in_file, itself)| {
        let file = file(given, in_file).map(Password::File);
        file.or_else(|| variable(itself).map(Password::Text))
    };
    let name = given.tls_server_name.clone();
    let tls = Tls {
        on: given.tls || switch(ON)?,
        ca: file(&given.tls_ca, CA),
        certificate: file(&given.tls_cert, CERT),
        key: file(&given.tls_key, KEY),
        password: password(&given.tls_password_file, (PASSWORD_FILE, PASSWORD)),
        ca_password: password(&given.tls_ca_password_file, (CA_PASSWORD_FILE, CA_PASSWORD)),
        server_name: name.or_else(|| variable(SERVER_NAME)),
        insecure_skip_verify: given.tls_insecure_skip_verify || switch(INSECURE)?,
    };
    require_trusted_files(args)?;
    Ok(tls)
}

/// A variable that says yes or no.
pub(crate) fn switch(name: &str) -> Result<bool, Failure> {
    match variable(name)
        .map(|text| text.to_ascii_lowercase())
        .as_deref()
    {
        None | Some("0" | "false" | "no" | "off") => Ok(false),
        Some("1" | "true" | "yes" | "on") => Ok(true),
        // It may be a password that is in the wrong place.
        Some(_) => Err(Failure::new(format!("{name}: expected true or false"))),
    }
}

/// Refuses options of TLS on the command line that no server heeds, as `tcp://` stands before each of them.
pub(crate) fn require_effect(args: &ServerArgs, hosts: &Options) -> Result<(), Failure> {
    let Some(flag) = args.tls.tls_flag.filter(|_| hosts.speaks_no_tls()) else {
        return Ok(());
    };
    let message = format!("{flag} has no effect: tcp:// stands before each server");
    let hint = "tcp+tls://HOST, or only HOST with --tls, speaks TLS";
    Err(Failure::new(message).hint(hint))
}

/// Refuses files that a context may not name.
fn require_trusted_files(args: &ServerArgs) -> Result<(), Failure> {
    let Some(of) = &args.tls.security_from else {
        return Ok(());
    };
    let (place, file) = (&of.place, &of.file);
    let (key, refused) = match &of.says {
        SecuritySays::File(key, refused) => (key, refused),
        SecuritySays::Variable(name) => {
            let message = format!(
                "{place} takes a password from the variable {name}, and that file was only found: it is not \
                 read"
            );
            let hint = format!(
                "--config {file} (or ZKT_CONFIG) says that you trust it; ZKT_SASL_PASSWORD holds one, too"
            );
            return Err(Failure::new(message).hint(hint));
        }
        SecuritySays::Trust(_) => return Ok(()),
    };
    let message = format!(
        "{place} gives {refused} as {key}, outside of its repository, and that file was only found: it is \
         not read"
    );
    let hint = format!(
        "--config {file} (or ZKT_CONFIG) says that you trust it; --{key} FILE names another one"
    );
    Err(Failure::new(message).hint(hint))
}

/// Refuses to send credentials to servers whom a file trusts that nobody named.
pub(crate) fn require_trusted(args: &ServerArgs) -> Result<(), Failure> {
    let Some(of) = &args.tls.security_from else {
        return Ok(());
    };
    let SecuritySays::Trust(key) = of.says else {
        return Ok(());
    };
    let (place, file) = (&of.place, &of.file);
    let message = format!(
        "{place} says with {key} which servers are the right ones, and that file was only found: they get \
         no credentials"
    );
    let hint = format!("--config {file} (or ZKT_CONFIG) says that you trust it");
    Err(Failure::new(message).hint(hint))
}
