//! XMPP as bytes and elements: namespaces, addresses, framing, parsing.
//!
//! Nothing here opens a socket or reads a clock.

pub mod element;
pub mod framer;
pub mod jid;
pub mod limits;
pub mod names;
pub mod ns;

/// Which way bytes travel on the client's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The client wrote it, the server reads it.
    ClientToServer,
    /// The server wrote it, the client reads it.
    ServerToClient,
}

impl Direction {
    /// Both directions, in the order used for arrays indexed by [`Direction::index`].
    pub const BOTH: [Direction; 2] = [Direction::ClientToServer, Direction::ServerToClient];

    /// 0 for client to server, 1 for server to client.
    pub fn index(self) -> usize {
        match self {
            Direction::ClientToServer => 0,
            Direction::ServerToClient => 1,
        }
    }

    /// The name used in records, metrics and the catalog.
    pub fn name(self) -> &'static str {
        match self {
            Direction::ClientToServer => "client_to_server",
            Direction::ServerToClient => "server_to_client",
        }
    }
}
