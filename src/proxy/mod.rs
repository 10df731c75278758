//! The proxy: what stands between the client and the server and relays their bytes.

pub mod client_hello;
