//! Keys of age, and the key of a file by one of them.

use std::io::Read as _;

use age::Decryptor;
use age::armor::ArmoredReader;
use age::x25519::Identity;

use super::error::SopsError;
use super::metadata::Metadata;

/// The keys that are here.
#[derive(Default)]
pub(in super::super) struct Keys {
    identities: Vec<Identity>,
    /// Where keys were looked for, with what was there if that is no key.
    looked: Vec<String>,
}

impl Keys {
    /// Takes in the keys of a text, or why there is none: one or several in a line, with comments as `age-keygen`
    /// writes them.
    pub(in super::super) fn add(&mut self, place: &str, text: Result<&str, String>) {
        match text {
            Ok(text) => {
                let lines = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with('#'));
                let words = lines.flat_map(str::split_whitespace);
                self.identities
                    .extend(words.filter_map(|word| word.parse().ok()));
                self.looked.push(place.to_owned());
            }
            Err(why) => self.looked.push(format!("{place}: {why}")),
        }
    }

    /// The key of a file.
    pub(super) fn data_key(&self, metadata: &Metadata) -> Result<[u8; 32], SopsError> {
        let recipients = metadata.recipients();
        if metadata.has_groups {
            return Err(SopsError::KeyGroups);
        }
        if recipients.is_empty() {
            return Err(SopsError::malformed("it is encrypted for nobody"));
        }
        if metadata.age.is_empty() {
            return Err(SopsError::NotForAge { recipients });
        }
        if self.identities.is_empty() {
            let looked = self.looked.clone();
            return Err(SopsError::NoKey { recipients, looked });
        }
        let mut keys = metadata.age.iter().filter_map(|(_, key)| self.decrypt(key));
        keys.next().ok_or(SopsError::OtherKey { recipients })
    }

    fn decrypt(&self, key: &str) -> Option<[u8; 32]> {
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(key.as_bytes())).ok()?;
        let identities = self.identities.iter();
        let identities = identities.map(|identity| -> &dyn age::Identity { identity });
        let mut bytes = Vec::new();
        let mut reader = decryptor.decrypt(identities).ok()?.take(64);
        reader.read_to_end(&mut bytes).ok()?;
        bytes.try_into().ok()
    }
}
