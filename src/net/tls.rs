//! TLS to other servers: aws-lc-rs, the system's trusted certificates, and webpki-roots where the system has none.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::NetError;

/// The client's TLS. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's certificates.
pub(super) fn config() -> Result<ClientConfig, NetError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::Tls(error.to_string()))
        .map(|builder| builder.with_root_certificates(trusted()).with_no_client_auth())
}

fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _unreadable) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        for error in &found.errors {
            tracing::warn!("the system's certificates can't be read: {error}");
        }
        tracing::warn!("no trusted certificates found on this system: using those built in");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
