use std::io::Write as _;

use age::secrecy::ExposeSecret as _;

use super::*;

/// The key for which sops 3.11.0 has encrypted the files in tests/sops.
const KEY: &str = "AGE-SECRET-KEY-1JH3P9C3374GXAZEVUD2Y38YGGF6MJ8CWN2P6Y2XS4DCKSCVAEYPQD0TX0P";

fn keys(text: &str) -> Keys {
    let mut keys = Keys::default();
    keys.add("SOPS_AGE_KEY", Ok(text));
    keys
}

fn open(name: &str, contents: &str) -> Result<Opened, SopsError> {
    Opened::new(Path::new(name), contents.as_bytes(), &keys(KEY))
}

#[track_caller]
fn check(opened: &Opened, key: &str, expected: &str) {
    let key: Vec<&str> = key.split('/').collect();
    let value = opened.value(&key).unwrap();
    assert_eq!(String::from_utf8_lossy(value), expected, "{key:?}");
}

#[test]
fn what_sops_has_written_is_read() {
    let yaml = open("all.yaml", include_str!("../../../../tests/sops/all.yaml")).unwrap();
    for (key, value) in [
        ("db/password", "hunter2-yaml"),
        ("db/port", "5432"),
        ("db/ratio", "0.25"),
        ("db/tls", "True"),
        ("db/empty", ""),
        ("db/hosts/0", "alpha"),
        ("db/hosts/1/token", "beta-token"),
        ("db/my.key", "dotted"),
        ("db/multi", "two\nlines\n"),
    ] {
        check(&yaml, key, value);
    }
    let not_one = |key: &[&str]| yaml.value(key).unwrap_err().to_string();
    assert_eq!(
        not_one(&["db", "hosts"]),
        "db.hosts is a list, and not a value"
    );
    assert_eq!(
        not_one(&["db", "nothing"]),
        "db.nothing is null, and not a value"
    );
    assert_eq!(not_one(&["db", "x"]), "it has no value db.x");
    assert_eq!(not_one(&["sops", "mac"]), "it has no value sops.mac");

    let json = open("all.json", include_str!("../../../../tests/sops/all.json")).unwrap();
    for (key, value) in [
        ("db/password", "hunter2-json"),
        ("db/ratio", "1.5"),
        ("db/tls", "False"),
        ("db/hosts/1/token", "t"),
        ("db/emoji", "😀 é"),
        ("top", "x"),
    ] {
        check(&json, key, value);
    }
    let dotenv = open("all.env", include_str!("../../../../tests/sops/all.env")).unwrap();
    check(&dotenv, "DB_PASSWORD", "hunter2-dotenv");
    check(&dotenv, "MULTI", "a\nb");
    let ini = open("all.ini", include_str!("../../../../tests/sops/all.ini")).unwrap();
    check(&ini, "DEFAULT/top", "hunter2-top");
    check(&ini, "db/password", "hunter2-ini");
    let whole = include_str!("../../../../tests/sops/whole.bin");
    let whole = open("whole.bin", whole).unwrap();
    assert_eq!(whole.value(&["data"]).unwrap(), b"binary \0 \xff bytes");
}

#[test]
fn what_is_not_encrypted_is_a_value_only_where_the_checksum_covers_it() {
    let partial = include_str!("../../../../tests/sops/partial.yaml");
    let opened = open("partial.yaml", partial).unwrap();
    check(&opened, "db/password", "hunter2-yaml");
    check(&opened, "db/port", "5432");
    check(&opened, "db/tls", "True");
    check(&opened, "db/hosts/0", "alpha");
    let changed = partial.replace("port: 5432", "port: 5433");
    assert_eq!(open("partial.yaml", &changed).err(), Some(SopsError::Mac));

    let only = include_str!("../../../../tests/sops/mac-only-encrypted.yaml");
    let opened = open("only.yaml", only).unwrap();
    check(&opened, "db/password", "hunter2-yaml");
    let error = opened.value(&["db", "port"]).unwrap_err();
    assert_eq!(error, SopsError::NotEncrypted("db.port".to_owned()));
    let changed = only.replace("mac_only_encrypted: true", "mac_only_encrypted: false");
    assert_eq!(open("only.yaml", &changed).err(), Some(SopsError::Mac));
}

#[test]
fn a_changed_file_is_an_error() {
    let text = include_str!("../../../../tests/sops/all.yaml");
    let line = |name: &str| {
        let mut lines = text.lines();
        lines
            .find(|line| line.trim_start().starts_with(name))
            .unwrap()
    };
    let value = |name: &str| line(name).split_once(": ").unwrap().1.to_owned();
    // One value in the place of another.
    let swapped = text.replace(&value("password"), &value("my.key"));
    let error = open("a.yaml", &swapped).err();
    assert_eq!(error, Some(SopsError::Changed));
    let plain = text.replace(&value("password"), "mine");
    assert_eq!(open("a.yaml", &plain).err(), Some(SopsError::Mac));
    let removed = text.replace(&format!("{}\n", line("password")), "");
    assert_eq!(open("a.yaml", &removed).err(), Some(SopsError::Mac));
    let other_time = text.replace("lastmodified: \"2", "lastmodified: \"3");
    assert_eq!(open("a.yaml", &other_time).err(), Some(SopsError::Mac));
    let twice = text.replace("db:\n", "db:\n    port: 1\n");
    let error = open("a.yaml", &twice).err().unwrap().to_string();
    let told = "it is no file of SOPS: a name stands twice in it";
    assert_eq!(error, told);
}

#[test]
fn who_has_no_key_is_told_for_whom_a_file_is() {
    let text = include_str!("../../../../tests/sops/all.yaml");
    let recipient = "age1k9vfz6egy3fwsa9e3gjqktpp0rvzwxulnpdg8mtqe0z5h2puu59sh47yma";
    let other = age::x25519::Identity::generate().to_string();
    let path = Path::new("a.yaml");
    let with = |keys: &Keys| Opened::new(path, text.as_bytes(), keys).err().unwrap();
    let error = with(&keys(other.expose_secret()));
    assert!(error.is_lack());
    let told = format!("it is encrypted for {recipient}, and no age key here is one of those");
    assert_eq!(error.to_string(), told);
    let mut none = Keys::default();
    none.add("SOPS_AGE_KEY", Err("not set".to_owned()));
    let error = with(&none);
    assert!(error.is_lack());
    let told = format!(
        "it is encrypted for {recipient}, and there is no age key here (SOPS_AGE_KEY: not set)"
    );
    assert_eq!(error.to_string(), told);

    let pgp = "a: ENC[x]\nsops:\n  pgp:\n    - fp: ABCD\n      enc: x\n  kms:\n    - arn: arn:aws:kms:x\n  \
               lastmodified: '2026'\n  mac: x\n";
    let error = open("a.yaml", pgp).err().unwrap();
    assert!(error.is_lack());
    assert_eq!(
        error.to_string(),
        "it is encrypted for the PGP key ABCD, the AWS KMS key arn:aws:kms:x only, and zkt decrypts what \
         is for keys of age"
    );
}

#[test]
fn keys_stand_among_comments() {
    let text = include_str!("../../../../tests/sops/all.yaml");
    let other = age::x25519::Identity::generate().to_string();
    let other = other.expose_secret();
    for lines in [
        format!("# created: 2026\n# public key: age1\n{other}\n{KEY}\n"),
        format!("{other} {KEY}"),
        format!("AGE-PLUGIN-YUBIKEY-1X\n\n  {KEY}\r\n"),
    ] {
        let opened = Opened::new(Path::new("a.yaml"), text.as_bytes(), &keys(&lines));
        assert!(opened.is_ok(), "{lines}");
    }
}

#[test]
fn hostile_files_are_errors() {
    let nested = "[".repeat(100_000);
    let long: String = (0..50_000).map(|i| format!("sops_a{i}=1\n")).collect();
    let deep = |separator: &str| format!("a{}=1\n", separator.repeat(600_000));
    let maps = format!("sops_{}", deep("__map_"));
    let lists = format!("[sops]\n{}", deep("__list_0"));
    for (name, text) in [
        ("a.yaml", ""),
        ("a.yaml", "- 1"),
        ("a.yaml", "a: &x [1]\nb: *x\n"),
        ("a.yaml", "a: 1\n---\nb: 1\n"),
        ("a.yaml", "? [1]\n: 2\n"),
        ("a.yaml", "a: 1\nsops: 1\n"),
        ("a.yaml", "a: \u{1}\"\n"),
        ("a.yaml", &nested),
        ("a.json", &nested),
        ("a.json", "{\"a\": 1"),
        ("a.json", "{\"a\": 1, \"a\": 2, \"sops\": {}}"),
        ("a.env", "x"),
        ("a.env", &long),
        ("a.env", &maps),
        ("a.ini", &lists),
        ("a.env", "sops_age__list_7__map_enc=1\n"),
        ("a.env", "sops_age=1\nsops_age__map_x=1\n"),
        ("a.ini", "[a]\n[a]\n"),
        ("a.bin", "\u{0}"),
    ] {
        let error = open(name, text).err();
        assert!(
            matches!(error, Some(SopsError::Malformed { .. })),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn nothing_of_a_foreign_file_is_in_a_message() {
    const META: &str = "\"lastmodified\": \"x\", \"mac\": \"x\"";
    let age = format!(
        "{{\"sops\": {{{META}, \"age\": [{{\"recipient\": \"canary\\u001b x\", \"enc\": \"x\"}}]}}}}"
    );
    let pgp = format!("{{\"sops\": {{{META}, \"pgp\": [{{\"fp\": \"canary\\u001b x\"}}]}}}}");
    for (name, text) in [
        ("a.env", "canary=canary\ncanary=1\n"),
        ("a.env", "canary"),
        ("a.env", "sops_canary=1\nsops_canary__map_canary=1\n"),
        ("a.ini", "[canary]\ncanary=1\ncanary=2\n"),
        ("a.ini", "[sops]\ncanary=1\ncanary__map_x=1\n"),
        ("a.json", "{\"canary\": 1, \"canary\": 2}"),
        ("a.json", "{\"canary\": canary}"),
        ("a.json", "\"canary\""),
        ("a", "canary:x:0:0:canary:/root:/bin/sh\n"),
        ("a.yaml", "canary: 1\ncanary: 2\n"),
        ("a.yaml", "canary: !canary!x [*canary\n"),
        ("a.yaml", "%canary canary\n--- canary\n\u{1b}[canary"),
        ("a.yaml", "canary: \"\\canary\"\n"),
        ("a.json", &age),
        ("a.json", &pgp),
    ] {
        let told = open(name, text).err().unwrap().to_string();
        let is_clean = !told.contains("canary") && !told.contains(char::is_control);
        assert!(is_clean, "{name}: {told}");
    }
    let text = include_str!("../../../../tests/sops/all.yaml");
    let changed = text.replace(
        "password: ENC[AES256_GCM,data:",
        "password: ENC[AES256_GCM,data:x",
    );
    let told = open("a.yaml", &changed).err().unwrap().to_string();
    assert!(!told.contains("password"), "{told}");
}

/// Written from the description of the format, by no code of what reads it.
struct Written {
    key: [u8; 32],
    /// The values in the order in which they stand.
    all: Vec<u8>,
}

impl Written {
    fn value(&mut self, place: &str, value: &str) -> String {
        self.all.extend(value.as_bytes());
        self.encrypted(place, value)
    }

    fn encrypted(&self, place: &str, value: &str) -> String {
        use aes_gcm::aead::consts::U32;
        use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
        use base64::Engine as _;
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let nonce: [u8; 32] = Sha256::digest(place).into();
        let cipher = aes_gcm::AesGcm::<aes_gcm::aes::Aes256, U32>::new(&self.key.into());
        let payload = Payload {
            msg: value.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = cipher.encrypt(&nonce.into(), payload).unwrap();
        let (data, tag) = sealed.split_at(sealed.len() - 16);
        format!(
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]",
            base64(data),
            base64(&nonce),
            base64(tag)
        )
    }
}

/// A file for a key, and that key.
pub(super) fn written() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let key = [7; 32];
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let mut armored = Vec::new();
    let armor =
        age::armor::ArmoredWriter::wrap_output(&mut armored, age::armor::Format::AsciiArmor);
    let mut writer = encryptor.wrap_output(armor.unwrap()).unwrap();
    writer.write_all(&key).unwrap();
    writer.finish().unwrap().finish().unwrap();
    let mut written = Written {
        key,
        all: Vec::new(),
    };
    let second = written.value("list:", "second in no order");
    let value = written.value("a:b c:", "deep");
    let checksum = Sha512::digest(&written.all);
    let checksum: String = checksum.iter().map(|byte| format!("{byte:02X}")).collect();
    let mac = written.encrypted("2026-01-02T03:04:05Z", &checksum);
    let file = serde_json::json!(String::from_utf8(armored).unwrap());
    let text = format!(
        "{{\"list\": [null, \"{second}\"], \"a\": {{\"b c\": \"{value}\"}}, \"sops\": {{\"age\": [{{\"recipient\": \
         \"{recipient}\", \"enc\": {file}}}], \"lastmodified\": \"2026-01-02T03:04:05Z\", \"mac\": \"{mac}\"}}}}"
    );
    (text, identity.to_string().expose_secret().to_owned())
}

#[test]
fn what_the_description_of_the_format_says_is_read() {
    let (text, key) = written();
    let opened = Opened::new(Path::new("a.json"), text.as_bytes(), &keys(&key)).unwrap();
    check(&opened, "list/1", "second in no order");
    check(&opened, "a/b c", "deep");
}
