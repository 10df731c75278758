//! What is sent: the corpus of the audit's benchmark, one direction at a time, in records of one stanza or of many.

use std::io::{self, Write as _};

use rustls::Writer;
use stanzascope::xmpp::Direction;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::corpus::Corpus;
use crate::lab::DOMAIN;

/// Mean size of a stanza from the server and from the client, in bytes, as measured with real clients and servers.
const MEAN: [(Direction, usize); 2] = [(Direction::ServerToClient, 1189), (Direction::ClientToServer, 812)];
/// The largest TLS record.
const RECORD: usize = 16 << 10;
/// The login of the corpus, which is not sent.
const LOGIN: usize = 12;

/// One direction's stanzas.
#[derive(Default)]
pub struct Stanzas {
    bytes: Vec<u8>,
    /// Where each stanza ends.
    ends: Vec<usize>,
}

impl Stanzas {
    /// Those of one direction, with the mean size that the direction really has: of the stanzas below it, or of those above it, every so
    /// many is left out.
    pub fn new(direction: Direction, corpus: &Corpus) -> Stanzas {
        let mean = MEAN.iter().find(|(of, _)| *of == direction).expect("both are there").1;
        let of_direction = corpus.sent.iter().skip(LOGIN).filter(|(of, _)| *of == direction);
        let all: Vec<String> = of_direction.map(|(_, xml)| xml.replace("mira@fern.example", &format!("ann@{DOMAIN}"))).collect();
        let distance =
            |above: bool| all.iter().filter(|xml| (xml.len() > mean) == above).map(|xml| xml.len().abs_diff(mean) as f64).sum::<f64>();
        let (below, above) = (distance(false), distance(true));
        let kept = [(above / below).min(1.0), (below / above).min(1.0)];
        let mut due = [0.0; 2];
        let mut stanzas = Stanzas::default();
        for xml in &all {
            let side = usize::from(xml.len() > mean);
            due[side] += kept[side];
            if due[side] >= 1.0 {
                due[side] -= 1.0;
                stanzas.bytes.extend_from_slice(xml.as_bytes());
                stanzas.ends.push(stanzas.bytes.len());
            }
        }
        stanzas
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn mean(&self) -> usize {
        self.bytes.len() / self.ends.len()
    }

    pub fn get(&self, n: usize) -> &[u8] {
        let n = n % self.ends.len();
        &self.bytes[if n == 0 { 0 } else { self.ends[n - 1] }..self.ends[n]]
    }
}

/// How stanzas are put into TLS records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// One stanza in each, as XMPP software sends.
    PerStanza,
    /// As many as fit.
    Bulk,
}

/// Gives out a direction's stanzas as the contents of TLS records, over and over.
pub struct Feed<'a> {
    stanzas: &'a Stanzas,
    records: Records,
    at: usize,
    gathered: Vec<u8>,
    /// Stanzas and bytes given out.
    pub sent: u64,
    pub bytes: u64,
}

impl<'a> Feed<'a> {
    pub fn new(stanzas: &'a Stanzas, records: Records) -> Feed<'a> {
        Feed { stanzas, records, at: 0, gathered: Vec::new(), sent: 0, bytes: 0 }
    }

    /// Puts about so many bytes into a connection's TLS, as whole stanzas.
    pub fn fill(&mut self, stream: &mut TlsStream<TcpStream>, wanted: usize) -> io::Result<()> {
        let until = self.bytes + wanted as u64;
        while self.bytes < until {
            let stanza = self.stanzas.get(self.at);
            self.at += 1;
            self.sent += 1;
            self.bytes += stanza.len() as u64;
            match self.records {
                Records::PerStanza => writer(stream).write_all(stanza)?,
                Records::Bulk => self.gathered.extend_from_slice(stanza),
            }
        }
        for record in self.gathered.chunks(RECORD) {
            writer(stream).write_all(record)?;
        }
        self.gathered.clear();
        Ok(())
    }
}

/// Each write to it makes records of its own.
fn writer(stream: &mut TlsStream<TcpStream>) -> Writer<'_> {
    match stream {
        TlsStream::Client(stream) => stream.get_mut().1.writer(),
        TlsStream::Server(stream) => stream.get_mut().1.writer(),
    }
}
