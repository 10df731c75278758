//! The first thing a TLS client says, read from the raw bytes before the TLS library takes them.
//!
//! A ClientHello names the library and often the very build of a client, so it is an exposure in itself. This module only
//! reads; the bytes go on to rustls unchanged, and whether the handshake can go on is for rustls to say.

mod facts;
mod fingerprint;
mod names;
mod record;
mod wire;

use wire::Cursor;

/// What a client offers. Numbers are the registered code points, in the order sent, GREASE (RFC 8701) included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// `legacy_version`; since TLS 1.3 always 0x0303.
    pub legacy_version: u16,
    /// Cipher suites.
    pub cipher_suites: Vec<u16>,
    /// Compression methods; 0 is none.
    pub compression_methods: Vec<u8>,
    /// Extensions.
    pub extensions: Vec<u16>,
    /// The host name of `server_name`; what is not printable ASCII is escaped as `\xNN`.
    pub server_name: Option<String>,
    /// `application_layer_protocol_negotiation`.
    pub alpn: Vec<Vec<u8>>,
    /// `supported_versions`; empty up to TLS 1.2.
    pub supported_versions: Vec<u16>,
    /// `supported_groups`.
    pub groups: Vec<u16>,
    /// The groups of `key_share`.
    pub key_share_groups: Vec<u16>,
    /// `ec_point_formats`.
    pub point_formats: Vec<u8>,
    /// `signature_algorithms`.
    pub signature_algorithms: Vec<u16>,
    /// Whether `status_request` asks for a stapled revocation answer.
    pub status_request: bool,
    /// Lengths in bytes of the identities of `pre_shared_key`: tickets of earlier sessions.
    pub psk_identities: Vec<usize>,
    /// Length of the ticket in `session_ticket` (TLS 1.2); 0 when it only asks for one.
    pub session_ticket: Option<usize>,
    /// Whether `early_data` announces 0-RTT data.
    pub early_data: bool,
    /// Whether `encrypted_client_hello` is there; a GREASE one looks the same from outside.
    pub ech: bool,
    /// Extensions listed above whose content is not as their specification says; their values are missing here.
    pub malformed: Vec<u16>,
}

/// Why bytes are no ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a TLS handshake record.
    #[error("not a TLS handshake (record type {0:#04x})")]
    NotHandshake(u8),
    /// The greeting of SSL 2.
    #[error("an SSL 2 greeting, which nothing accepts any more")]
    Ssl2,
    /// A handshake message, but another one.
    #[error("handshake message of type {0} instead of a ClientHello")]
    OtherMessage(u8),
    /// Longer than [`MAX_BYTES`], or in more than [`MAX_RECORDS`] records.
    #[error("a ClientHello of more than {MAX_BYTES} bytes or {MAX_RECORDS} records")]
    TooLong,
    /// Not built as RFC 8446 §4.1.2 says.
    #[error("malformed ClientHello: {0}")]
    Malformed(&'static str),
}

/// No real ClientHello comes near; rustls has the same limit.
pub const MAX_BYTES: usize = 0xffff;
/// Enough for any ClientHello sent byte by byte; keeps repeated parsing of tiny records cheap.
pub const MAX_RECORDS: usize = 4096;

impl ClientHello {
    /// Reads a ClientHello from everything received so far, starting with the first byte of the TLS connection.
    ///
    /// `None` means that more bytes are needed. Bytes after the ClientHello are not looked at.
    ///
    /// # Errors
    /// See [`Error`]; more bytes do not help then.
    pub fn parse(received: &[u8]) -> Result<Option<Self>, Error> {
        record::handshake_message(received)?.map(|message| Self::from_body(&message)).transpose()
    }

    fn from_body(body: &[u8]) -> Result<Self, Error> {
        let mut body = Cursor(body);
        let mut hello = Self { legacy_version: body.u16().ok_or(Error::Malformed("no version"))?, ..Self::default() };
        body.take(32).ok_or(Error::Malformed("no random"))?;
        body.vec8().ok_or(Error::Malformed("no session id"))?;
        let ciphers = body.vec16().ok_or(Error::Malformed("no cipher suites"))?;
        hello.cipher_suites = ciphers.all_u16().ok_or(Error::Malformed("odd length of cipher suites"))?;
        hello.compression_methods = body.vec8().ok_or(Error::Malformed("no compression methods"))?.0.to_vec();
        if body.is_empty() {
            // Before extensions were invented (SSL 3).
            return Ok(hello);
        }
        let mut extensions = body.vec16().ok_or(Error::Malformed("extensions cut short"))?;
        if !body.is_empty() {
            return Err(Error::Malformed("bytes after the extensions"));
        }
        while !extensions.is_empty() {
            let (kind, content) = extensions.u16().zip(extensions.vec16()).ok_or(Error::Malformed("an extension is cut short"))?;
            hello.extensions.push(kind);
            if hello.read_extension(kind, content).is_none() {
                hello.malformed.push(kind);
            }
        }
        Ok(hello)
    }

    /// `None` if the content is malformed, which is no reason to give up on the rest.
    fn read_extension(&mut self, kind: u16, mut content: Cursor<'_>) -> Option<()> {
        match kind {
            SERVER_NAME => self.server_name = server_name(content)?,
            STATUS_REQUEST => self.status_request = true,
            SUPPORTED_GROUPS => self.groups = content.vec16()?.all_u16()?,
            EC_POINT_FORMATS => self.point_formats = content.vec8()?.0.to_vec(),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = content.vec16()?.all_u16()?,
            ALPN => {
                let mut list = content.vec16()?;
                let mut protocols = Vec::new();
                while !list.is_empty() {
                    protocols.push(list.vec8()?.0.to_vec());
                }
                self.alpn = protocols;
            }
            SESSION_TICKET => self.session_ticket = Some(content.0.len()),
            PRE_SHARED_KEY => {
                let mut list = content.vec16()?;
                let mut lengths = Vec::new();
                while !list.is_empty() {
                    lengths.push(list.vec16()?.0.len());
                    list.take(4)?;
                }
                self.psk_identities = lengths;
            }
            EARLY_DATA => self.early_data = true,
            SUPPORTED_VERSIONS => self.supported_versions = content.vec8()?.all_u16()?,
            KEY_SHARE => {
                let mut list = content.vec16()?;
                let mut groups = Vec::new();
                while !list.is_empty() {
                    groups.push(list.u16()?);
                    list.vec16()?;
                }
                self.key_share_groups = groups;
            }
            ENCRYPTED_CLIENT_HELLO => self.ech = true,
            _ => {}
        }
        Some(())
    }
}

/// The first host name; other kinds of names were never defined.
fn server_name(mut content: Cursor<'_>) -> Option<Option<String>> {
    let mut list = content.vec16()?;
    while !list.is_empty() {
        let (kind, name) = (list.u8()?, list.vec16()?);
        if kind == 0 {
            return Some(Some(name.0.escape_ascii().to_string()));
        }
    }
    Some(None)
}

const SERVER_NAME: u16 = 0;
const STATUS_REQUEST: u16 = 5;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;
