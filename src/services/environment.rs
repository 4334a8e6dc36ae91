//! The one variable that the library reads, because programs that used zc.zk rely on it.

use std::env;

/// The servers, if the caller names none.
pub(crate) fn hosts() -> String {
    let named = env::var("ZC_ZK_CONNECTION_STRING").ok();
    named
        .filter(|hosts| !hosts.is_empty())
        .unwrap_or_else(|| "127.0.0.1:2181".to_owned())
}
