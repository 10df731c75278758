//! What can go wrong with the test CA, said so that the reader knows the way out.

use std::{io, path::PathBuf};

use time::OffsetDateTime;

/// Why the test CA cannot be made, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing there yet; `run` makes one then.
    #[error("no test CA in {dir} (run `stanzascope ca init --domain DOMAIN`)", dir = dir.display())]
    Absent {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// There is one already, or a part of one.
    #[error(
        "{path} exists already (use that CA, or run `stanzascope ca destroy` first; clients must then trust the new one)",
        path = path.display()
    )]
    Exists {
        /// The first file found.
        path: PathBuf,
    },
    /// A file of the set is missing.
    #[error(
        "the test CA is incomplete: {path} is missing (run `stanzascope ca destroy`, then `ca init`)",
        path = path.display()
    )]
    Incomplete {
        /// The missing file.
        path: PathBuf,
    },
    /// Someone else can get at the key.
    #[error(
        "{path} is open to other users (mode {mode:04o}); if nobody else can have read the key, run `chmod {wanted:o} {path}`, \
         otherwise `stanzascope ca destroy`, then `ca init`",
        path = path.display()
    )]
    OpenToOthers {
        /// The directory or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// The directory or key is another user's.
    #[error(
        "{path} belongs to user {owner}, not to user {me} who runs this (run as user {owner}, or make an own CA: \
         `stanzascope ca init --certs DIR`)",
        path = path.display()
    )]
    ForeignOwner {
        /// The directory or file.
        path: PathBuf,
        /// Its owner's numeric id.
        owner: u32,
        /// Our effective user id.
        me: u32,
    },
    /// The directory named for the CA holds other things; we do not change its permissions.
    #[error(
        "{dir} is open to other users and holds other files, such as {other:?} (name a new or empty directory with --certs DIR)",
        dir = dir.display()
    )]
    SharedDirectory {
        /// The directory.
        dir: PathBuf,
        /// One of the other files.
        other: String,
    },
    /// The 30 days are over.
    #[error(
        "the test CA in {dir} expired on {on} (run `stanzascope ca destroy`, remove it from the clients as that tells you, then \
         `stanzascope ca init`)",
        dir = dir.display(), on = on.date()
    )]
    Expired {
        /// Where it is.
        dir: PathBuf,
        /// When it expired.
        on: OffsetDateTime,
    },
    /// The clock runs behind the CA.
    #[error("the test CA in {dir} is not valid before {from} (is the clock right?)", dir = dir.display())]
    NotYetValid {
        /// Where it is.
        dir: PathBuf,
        /// Start of its validity.
        from: OffsetDateTime,
    },
    /// A name outside the constraints: no client would accept a certificate for it.
    #[error(
        "the test CA does not cover {name:?}, only {scope} (run `stanzascope ca destroy`, then `ca init` with that name as \
         well; clients must then trust the new CA)"
    )]
    NotCovered {
        /// The name asked for.
        name: String,
        /// What is covered.
        scope: String,
    },
    /// Not usable as a name in a certificate.
    #[error("{name:?} cannot be in a certificate: {why}")]
    BadName {
        /// As given.
        name: String,
        /// What is wrong, and the way out.
        why: &'static str,
    },
    /// A file that is not what it should be.
    #[error("{path}: {why} (run `stanzascope ca destroy`, then `ca init`)", path = path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The certificate library refused.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused a certificate just made.
    #[error("the TLS library refuses the certificate just made: {0}")]
    Tls(#[from] rustls::Error),
}
