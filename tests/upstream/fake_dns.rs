//! A name server that knows a handful of records.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// What the server says to questions about one name.
#[derive(Clone)]
pub enum Answer {
    /// These records; of another type: none.
    Records(Vec<RData>),
    /// An error.
    Code(ResponseCode),
    /// Nothing at all.
    Silence,
}

pub struct FakeDns {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeDns {
    /// Names without a row do not exist.
    pub async fn start(rows: &[(&str, Answer)]) -> Self {
        let rows: Vec<(Name, Answer)> = rows.iter().map(|(name, answer)| (Name::from_ascii(name).unwrap(), answer.clone())).collect();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            loop {
                let (count, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let Ok(question) = Message::from_vec(&buffer[..count]) else {
                    continue;
                };
                let query = question.queries[0].clone();
                log.lock().unwrap().push(format!("{} {}", query.query_type(), query.name().to_ascii().to_lowercase()));
                let answer = rows.iter().find(|(name, _)| name == query.name()).map(|(_, answer)| answer.clone());
                let mut reply = Message::response(question.metadata.id, OpCode::Query);
                reply.add_query(query.clone());
                match answer.unwrap_or(Answer::Code(ResponseCode::NXDomain)) {
                    Answer::Silence => continue,
                    Answer::Code(code) => reply.metadata.response_code = code,
                    Answer::Records(records) => {
                        for data in records.into_iter().filter(|data| data.record_type() == query.query_type()) {
                            reply.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                        }
                    }
                }
                socket.send_to(&reply.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        Self { address, asked }
    }

    /// The questions so far, as `TYPE name.`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn was_asked(&self, kind: RecordType, name: &str) -> bool {
        self.asked().contains(&format!("{kind} {name}"))
    }
}

pub fn a(address: [u8; 4]) -> Answer {
    Answer::Records(vec![RData::A(A(Ipv4Addr::from(address)))])
}

pub fn srv(rows: &[(u16, u16, u16, &str)]) -> Answer {
    let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
        RData::SRV(SRV::new(*priority, *weight, *port, Name::from_ascii(target).unwrap()))
    };
    Answer::Records(rows.iter().map(record).collect())
}
