//! The test CA: what lets the proxy present a certificate that a *test* client trusts.
//!
//! A root key is made in memory, signs one intermediate and is wiped; it is never written. The intermediate
//! lives 30 days, may sign no further CA, and is name-constrained to the domains and names given at
//! [`Authority::create`]: whoever steals its key can intercept the lab and nothing else. Leaf certificates live
//! 24 hours and only in memory.
//!
//! The directory holds `root.pem` (what clients trust), `intermediate.pem` and `intermediate.key`, nothing else;
//! the scope is read back from the intermediate, so that what we say and what clients enforce cannot differ.
//!
//! # Limits
//! Name constraints of X.509 as clients implement them speak about DNS names, addresses, email addresses and URIs.
//! `XmppAddr` and `SRVName` entries (RFC 6120 §13.7.1.4, RFC 4985) cannot be constrained without Go clients refusing the
//! chain. We never write such entries, but a thief of the key could, for clients that accept them. Hence 30 days,
//! mode 0600, and [`destroy`].

mod authority;
mod constraints;
mod destroy;
mod error;
mod facts;
mod leaf;
mod name;
mod scope;
mod store;
pub mod trust;

pub use authority::Authority;
pub use destroy::{Destroyed, destroy};
pub use error::Error;
pub use facts::Facts;
pub use name::Name;
pub use scope::Scope;
pub use store::export;
