//! What an XMPP server gets to see of a client.
//!
//! The library is the audit core: bytes and time go in, records come out. It opens nothing and reads no clock. The command line tool, with
//! its proxy, certificates and files, sits behind the default feature `proxy`.

#[cfg(feature = "proxy")]
pub mod admin;
pub mod audit;
mod bytes;
#[cfg(feature = "proxy")]
pub mod ca;
pub mod catalog;
pub mod check;
#[cfg(feature = "proxy")]
pub mod config;
#[cfg(feature = "proxy")]
pub mod demo;
pub mod diff;
pub mod export;
#[cfg(feature = "proxy")]
pub mod metrics;
#[cfg(feature = "proxy")]
pub mod otlp;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod record;
pub mod report;
#[cfg(feature = "proxy")]
pub mod retention;
pub mod rules;
#[cfg(feature = "proxy")]
pub mod run;
#[cfg(feature = "proxy")]
pub mod run_dir;
#[cfg(feature = "proxy")]
pub mod run_files;
pub mod scan;
#[cfg(feature = "proxy")]
pub mod share_key;
#[cfg(feature = "proxy")]
pub mod sink;
#[cfg(feature = "proxy")]
pub mod stderr;
pub mod transcript;
pub mod xmpp;
