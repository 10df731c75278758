//! A look at the upstream before the first client comes: does it answer, is it the right one, and who will get through.
//!
//! Up to three short connections are made, none of which logs in: one as any client starts, one with a `from` in the
//! stream header (SASL2 and FAST are offered only then), and one with TLS 1.2, because some servers offer channel
//! binding only there.
use tokio::time::Instant;

mod advice;
mod report;

pub use report::{Check, Greeting, Offer, Report, Status};

use super::upstream::{TlsVersion, TlsVersions, UpstreamConfig, UpstreamError, connect, look};

/// Tries the upstream and says in plain words what to expect.
///
/// `account` is the first account under test; its bare JID is what the second connection names itself. Without one it is
/// `probe` at the domain. The report is complete whatever happens: what failed is a check in it.
pub async fn preflight(config: &UpstreamConfig, domain: &str, account: Option<&str>, deadline: Instant) -> Report {
    let mut report = Report::new(domain);
    if let Err(error) = fill(&mut report, config, domain, account, deadline).await {
        report.push(advice::of_failure(&error));
    }
    report
}

async fn fill(
    report: &mut Report,
    config: &UpstreamConfig,
    domain: &str,
    account: Option<&str>,
    deadline: Instant,
) -> Result<(), UpstreamError> {
    let upstream = connect(config, domain, TlsVersions::Any, deadline).await?;
    let facts = upstream.facts.clone();
    for check in advice::of_connection(&facts, time::OffsetDateTime::now_utc()) {
        report.push(check);
    }
    let version = facts.tls.as_ref().map(|tls| tls.version);
    report.upstream = Some(facts);

    let step = || deadline.min(Instant::now() + config.limits.stream);
    let features = look(upstream, domain, None, step()).await?;
    report.offers.push(Offer { tls: version, greeting: Greeting::Anonymous, features });

    let probe = format!("probe@{domain}");
    let from = account.unwrap_or(&probe);
    let named = async |versions| {
        let upstream = connect(config, domain, versions, deadline).await?;
        let tls = upstream.facts.tls.as_ref().map(|tls| tls.version);
        let features = look(upstream, domain, Some(from), step()).await?;
        Ok::<_, UpstreamError>(Offer { tls, greeting: Greeting::Named, features })
    };
    match named(version.map_or(TlsVersions::Any, TlsVersions::Only)).await {
        Ok(offer) => report.offers.push(offer),
        Err(error) => report.push(advice::of_second_look(&error)),
    }
    if version == Some(TlsVersion::Tls13) {
        match named(TlsVersions::Only(TlsVersion::Tls12)).await {
            Ok(offer) => report.offers.push(offer),
            Err(error) if matches!(error.decisive(), UpstreamError::TlsVersion { .. }) => {}
            Err(error) => report.push(advice::of_second_look(&error)),
        }
    }
    for check in advice::of_offers(&report.offers) {
        report.push(check);
    }
    Ok(())
}
