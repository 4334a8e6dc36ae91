//! What sessions with the same options connect by: what their files hold.

#[cfg(feature = "sasl")]
use std::sync::Arc;

use super::hosts::Servers;
#[cfg(feature = "sasl")]
use super::sasl::Login;
#[cfg(not(feature = "sasl"))]
use super::sasl::SaslError;
use super::tls::Security;
use super::{Error, Options};

/// What connections are secured with, and as whom they authenticate.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) security: Security,
    #[cfg(feature = "sasl")]
    pub(super) login: Option<Arc<Login>>,
}

impl Means {
    /// Reads the files that the options name.
    ///
    /// # Cancellation safety
    /// Files are only read.
    pub(super) async fn of(options: &Options, servers: &Servers) -> Result<Self, Error> {
        let security = Security::of(&options.tls, servers).await?;
        #[cfg(not(feature = "sasl"))]
        if options.sasl.is_some() {
            return Err(SaslError::NotBuilt.into());
        }
        Ok(Self {
            security,
            #[cfg(feature = "sasl")]
            login: match &options.sasl {
                Some(sasl) => Some(Arc::new(Login::load(sasl).await?)),
                None => None,
            },
        })
    }
}
