//! Connections to the database, and what goes wrong with them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::options::{PostgresError, PostgresOptions};
use crate::store::StoreError;

/// What a database said, or why it said nothing. Without the values that were sent to it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    what: String,
    /// Whether the same call may succeed a little later.
    pub(super) passes: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(super) fn slow(limit: Duration) -> Self {
        Self { what: format!("no answer within {limit:?}"), passes: true }
    }

    pub(super) fn contended() -> Self {
        Self { what: "a task was changed by others again and again".to_owned(), passes: true }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            // Its detail and hint may quote what was sent.
            Some(said) => Self {
                what: format!("{} (SQLSTATE {})", said.message(), said.code().code()),
                passes: passes(said.code()),
            },
            None => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                Self { what: format!("{error}{cause}"), passes: true }
            }
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self { what: other.to_string(), passes: true },
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::unavailable(failure)
    }
}

/// Why a call came to nothing: by the rules, or because the database did not do it.
pub(super) enum Trouble {
    Store(StoreError),
    Database(Failure),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// Connection exceptions, lack of resources, shutdown, what two transactions do to each other, whatever took too long, and a
/// database that only reads for now (a standby, until it takes over).
fn passes(code: &SqlState) -> bool {
    ["08", "40", "53", "57", "55P03", "25P03", "25006"]
        .iter()
        .any(|class| code.code().starts_with(class))
}

/// An address, made safe: over a network it is TLS or, in so many words, `sslmode=disable`.
pub(super) fn config(address: &str, options: &PostgresOptions) -> Result<Config, PostgresError> {
    let mut config = Config::from_str(address).map_err(|_| PostgresError::Address)?;
    if config.get_hosts().is_empty() {
        return Err(PostgresError::Address);
    }
    if config.get_ssl_mode() == SslMode::Prefer && !config.get_hosts().iter().all(is_local) {
        config.ssl_mode(SslMode::Require);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.timeout);
    }
    if config.get_application_name().is_none() {
        config.application_name("mcp-tasks");
    }
    let millis = options.timeout.as_millis();
    let own = format!(
        "-c statement_timeout={millis} -c lock_timeout={millis} -c idle_in_transaction_session_timeout={millis}"
    );
    let all = match config.get_options() {
        Some(given) => format!("{own} {given}"),
        None => own,
    };
    config.options(all);
    Ok(config)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// TLS with the certificates that the system trusts; none are needed where no TLS is wanted.
pub(super) fn tls(config: &Config) -> Result<MakeRustlsConnect, PostgresError> {
    let mut roots = rustls::RootCertStore::empty();
    if config.get_ssl_mode() != SslMode::Disable {
        let loaded = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 && config.get_ssl_mode() == SslMode::Require {
            return Err(PostgresError::Tls("the system has no root certificates".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PostgresError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(client))
}

pub(super) fn pool(
    config: &Config,
    tls: &MakeRustlsConnect,
    options: &PostgresOptions,
) -> Result<Pool, PostgresError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
    let wait = Some(options.timeout);
    Pool::builder(manager)
        .max_size(options.connections)
        .timeouts(Timeouts { wait, create: wait, recycle: wait })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| PostgresError::Database(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mode(address: &str) -> SslMode {
        config(address, &PostgresOptions::new()).unwrap().get_ssl_mode()
    }

    #[test]
    fn the_network_is_encrypted_unless_told_otherwise() {
        assert_eq!(mode("postgres://a@db.example.com/x"), SslMode::Require);
        assert_eq!(mode("postgres://a@10.0.0.1,127.0.0.1/x"), SslMode::Require);
        assert_eq!(mode("postgres://a@db.example.com/x?sslmode=prefer"), SslMode::Require);
        assert_eq!(mode("postgres://a@db.example.com/x?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://a@localhost/x"), SslMode::Prefer);
        assert_eq!(mode("postgres://a@[::1]/x"), SslMode::Prefer);
    }

    #[test]
    fn a_bad_address_is_refused_without_its_password() {
        for bad in
            ["", "postgres://", "x y z", "postgres://u:hunter2@h:99999/x", "http://u:hunter2@h"]
        {
            let error = config(bad, &PostgresOptions::new()).map(drop).unwrap_err();
            assert!(matches!(error, PostgresError::Address), "{bad}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
