//! What is parsed at most. Beyond a limit the bytes still flow; the record says what was not read.

/// Parse limits of one stream direction.
///
/// The numbers come from what servers accept: Prosody takes 10,000 bytes before login and 256 KiB after; nothing limits what a server may
/// send (rosters, archives, avatars), so that side is larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one first-level element before login.
    pub max_bytes_before_login: usize,
    /// Bytes of one first-level element from the client after login.
    pub max_bytes_client: usize,
    /// Bytes of one first-level element from the server after login.
    pub max_bytes_server: usize,
    /// Nesting below the stream.
    pub max_depth: usize,
    /// Elements in one stanza.
    pub max_elements: usize,
    /// Attributes on one element.
    pub max_attributes: usize,
    /// Namespace bindings in scope.
    pub max_bindings: usize,
    /// Depth of forwarded messages inside forwarded messages.
    pub max_forwards: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bytes_before_login: 10_000,
            max_bytes_client: 1 << 20,
            max_bytes_server: 10 << 20,
            max_depth: 128,
            max_elements: 25_000,
            max_attributes: 512,
            max_bindings: 128,
            max_forwards: 4,
        }
    }
}
