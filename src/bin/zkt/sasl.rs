//! SASL as the arguments say, else the environment.

use std::fs::{self, File};
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use zkt::declare::files::reason;
use zkt::{Password, Sasl};

use crate::args::{SaslArgs, ServerArgs};
use crate::bounded;
use crate::environment::{self, variable};
use crate::exit::Failure;
use crate::tls::switch;

pub(crate) const KERBEROS: &str = "ZKT_KERBEROS";
pub(crate) const SERVICE: &str = "ZKT_KERBEROS_SERVICE";
pub(crate) const HOST: &str = "ZKT_KERBEROS_HOST";
pub(crate) const USER: &str = "ZKT_SASL_USER";
pub(crate) const PASSWORD_FILE: &str = "ZKT_SASL_PASSWORD_FILE";
pub(crate) const PASSWORD: &str = environment::SASL_PASSWORD;

/// The largest file of a password, in bytes.
const LARGEST: u64 = 64 << 10;

/// As whom a session is to authenticate.
enum Who {
    User(String),
    Kerberos,
    Nobody,
}

/// What is said of SASL, if a user is named or Kerberos is asked for.
pub(crate) fn sasl(args: &ServerArgs) -> Result<Option<Sasl>, Failure> {
    let user = match who(args)? {
        Who::User(user) => user,
        Who::Kerberos => {
            let given = args.sasl.kerberos_service.clone();
            let service = given.or_else(|| variable(SERVICE));
            let host = args.sasl.kerberos_host.clone();
            return Ok(Some(Sasl::Kerberos {
                service: service.unwrap_or_else(|| "zookeeper".to_owned()),
                host: host.or_else(|| variable(HOST)),
            }));
        }
        Who::Nobody => {
            return match &args.sasl {
                SaslArgs {
                    sasl_password_file: None,
                    sasl_password_env: None,
                    ..
                } => Ok(None),
                _ => {
                    let failure = Failure::new("SASL: there is a password, and no user");
                    Err(failure.hint("--sasl-user NAME or ZKT_SASL_USER names the user"))
                }
            };
        }
    };
    let password = password(&args.sasl)?;
    Ok(Some(Sasl::DigestMd5 { user, password }))
}

/// Whether the session is to authenticate.
pub(crate) fn is_asked_for(args: &ServerArgs) -> Result<bool, Failure> {
    Ok(!matches!(who(args)?, Who::Nobody))
}

/// As whom the session is to authenticate. The arguments win over the variables: what a context says is in them
/// only if neither the command line nor a variable says who it is.
fn who(args: &ServerArgs) -> Result<Who, Failure> {
    let said = |user: Option<String>, is_kerberos: bool| match (user, is_kerberos) {
        (Some(_), true) => {
            let failure = Failure::new("SASL: there is a user, and Kerberos is asked for");
            Err(failure.hint("Kerberos takes its user from the ticket: leave one of them out"))
        }
        (Some(user), false) => Ok(Who::User(user)),
        (None, true) => Ok(Who::Kerberos),
        (None, false) => Ok(Who::Nobody),
    };
    match said(args.sasl.sasl_user.clone(), args.sasl.kerberos)? {
        Who::Nobody => said(variable(USER), switch(KERBEROS)?),
        who => Ok(who),
    }
}

/// Whether the password comes from what can be read only once.
pub(crate) fn is_stream(args: &ServerArgs) -> bool {
    file(&args.sasl).is_some_and(|file| file == Path::new("-") || is_pipe(&file))
}

fn file(args: &SaslArgs) -> Option<PathBuf> {
    let given = args.sasl_password_file.clone();
    match (given, &args.sasl_password_env) {
        (Some(file), _) => Some(file),
        (None, Some(_)) => None,
        (None, None) => variable(PASSWORD_FILE).map(PathBuf::from),
    }
}

fn password(args: &SaslArgs) -> Result<Password, Failure> {
    if let Some(file) = file(args) {
        // It may be a pipe: --sasl-password-file <(pass show zookeeper).
        if file == Path::new("-") || is_pipe(&file) {
            return streamed(&file, args.stdin_is_layer).map(Password::Text);
        }
        return Ok(Password::File(file));
    }
    let name = args.sasl_password_env.as_deref().unwrap_or(PASSWORD);
    let text = variable(name);
    text.map(Password::Text).ok_or_else(|| {
        let message = match &args.sasl_password_env {
            Some(name) => format!("SASL: the variable {name} has no password"),
            None => "SASL: there is a user, and no password".to_owned(),
        };
        Failure::new(message).hint("--sasl-password-file FILE or ZKT_SASL_PASSWORD gives it")
    })
}

fn is_pipe(file: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(file).is_ok_and(|found| found.file_type().is_fifo())
}

/// The first line of standard input or a pipe, which are read once.
fn streamed(file: &Path, stdin_is_layer: bool) -> Result<String, Failure> {
    static READ: OnceLock<Result<String, String>> = OnceLock::new();
    let is_stdin = file == Path::new("-");
    let name = match is_stdin {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    };
    if is_stdin && stdin_is_layer {
        let failure = Failure::new("standard input is a layer, and cannot hold a password, too");
        return Err(
            failure.hint("--sasl-password-file FILE or ZKT_SASL_PASSWORD gives the password")
        );
    }
    let read = READ.get_or_init(|| {
        let text = match is_stdin {
            // What else comes may be the answer to a question.
            true => {
                let mut line = Vec::new();
                let read = std::io::stdin()
                    .lock()
                    .take(LARGEST)
                    .read_until(b'\n', &mut line);
                read.map_err(|error| reason(&error))?;
                String::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?
            }
            false => {
                let opened = File::open(file).map_err(|error| reason(&error));
                opened.and_then(|file| bounded::read(file, LARGEST))?
            }
        };
        match text.lines().next().unwrap_or_default() {
            "" => Err("its first line has no password".to_owned()),
            line => Ok(line.to_owned()),
        }
    });
    read.clone()
        .map_err(|reason| Failure::new(format!("SASL: {name}: {reason}")))
}
