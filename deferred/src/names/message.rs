//! Messages: a question on its way out, and what comes back as an answer to it.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::ProtoError;
use hickory_proto::op::{
    Edns, Message, MessageType, OpCode, Query as QuerySection, ResponseCode as Code,
};
use hickory_proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType as WireType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable, BinEncoder};

use super::name::to_text;
use super::{MailExchange, Record, RecordData, RecordType, ResponseCode, Service, Soa, Text};

/// The header of every message.
const HEADER: usize = 12;

/// What is asked: one type of record of one name. Equal whatever the case of the letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) kind: RecordType,
}

impl Question {
    /// The question for the names of an address.
    pub(super) fn names_of(address: IpAddr) -> Self {
        Question {
            name: Name::from(address.to_canonical()),
            kind: RecordType::Ptr,
        }
    }
}

/// A question as one server is asked it.
pub(super) struct Query {
    id: u16,
    sent: QuerySection,
    /// The answer must have the letters in the case in which they were sent.
    exact_case: bool,
}

/// A number that a forger cannot guess: `hickory-proto` takes the ids of its queries from a
/// cryptographic generator.
pub(super) fn random_number() -> u16 {
    Message::query().metadata.id
}

/// What a message is to a query.
pub(super) enum Verdict {
    /// No answer to it: from elsewhere, forged, or too late.
    Foreign,
    /// An answer that cannot be read.
    Malformed,
    /// There is more than a datagram takes.
    Truncated,
    /// The server does not answer the question.
    Failed(ResponseCode),
    /// An answer, which may be that there is nothing.
    Answered(Reply),
}

/// An answer of a server.
pub(super) struct Reply {
    /// The name, or the one that it stands for, does not exist.
    pub(super) no_such_name: bool,
    pub(super) answers: Vec<Record>,
    /// How long may be kept that there is nothing, if the server says so.
    pub(super) absence: Option<Duration>,
    /// The server does not know, and names others to ask.
    pub(super) is_referral: bool,
}

impl Query {
    /// A query with a random id and, if it is wanted, with letters in random case (0x20), both of
    /// which a forger would have to guess.
    pub(super) fn new(question: &Question, random_case: bool) -> Self {
        let mut name = question.name.clone();
        if random_case {
            name.randomize_label_case();
        }
        Query {
            id: random_number(),
            sent: QuerySection::query(name, WireType::from(u16::from(question.kind))),
            exact_case: random_case,
        }
    }

    /// Its bytes. With `edns`, the server may answer with datagrams of up to this many bytes, and
    /// otherwise of up to 512.
    pub(super) fn to_bytes(&self, edns: Option<u16>) -> Result<Vec<u8>, ProtoError> {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(self.sent.clone());
        if let Some(size) = edns {
            let mut edns = Edns::new();
            edns.set_version(0).set_max_payload(size);
            message.set_edns(edns);
        }
        message.to_vec()
    }

    /// What these bytes are, which may be anything.
    pub(super) fn judge(&self, data: &[u8]) -> Verdict {
        let Some(header) = Header::read(data) else {
            return Verdict::Foreign;
        };
        if header.id != self.id || !header.is_response || !header.is_query {
            return Verdict::Foreign;
        }
        match header.questions {
            1 if self.is_repeated_in(data) => {}
            // A server that could not even read the question may leave it out.
            0 if ![Code::NoError.low(), Code::NXDomain.low()].contains(&header.code) => {}
            _ => return Verdict::Foreign,
        }
        if header.is_truncated {
            return Verdict::Truncated;
        }
        let Ok(message) = Message::from_vec(data) else {
            return Verdict::Malformed;
        };
        match message.metadata.response_code {
            Code::NoError | Code::NXDomain => Verdict::Answered(Reply::from(message)),
            code => Verdict::Failed(ResponseCode(code.into())),
        }
    }

    /// Whether the message has the question of this query.
    fn is_repeated_in(&self, data: &[u8]) -> bool {
        let mut decoder = BinDecoder::new(data);
        if decoder.read_slice(HEADER).is_err() {
            return false;
        }
        QuerySection::read(&mut decoder).is_ok_and(|repeated| {
            repeated == self.sent && (!self.exact_case || repeated.name.eq_case(&self.sent.name))
        })
    }
}

/// What the header of a message says; the rest may be cut.
struct Header {
    id: u16,
    is_response: bool,
    is_query: bool,
    is_truncated: bool,
    code: u8,
    questions: u16,
}

impl Header {
    fn read(data: &[u8]) -> Option<Header> {
        let header = data.get(..HEADER)?;
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Some(Header {
            id: number(0),
            is_response: header[2] & 0x80 != 0,
            is_query: header[2] & 0x78 == 0,
            is_truncated: header[2] & 0x02 != 0,
            code: header[3] & 0x0f,
            questions: number(4),
        })
    }
}

impl From<Message> for Reply {
    fn from(message: Message) -> Self {
        let is_soa = |record: &&WireRecord| record.record_type() == WireType::SOA;
        let soa = message.authorities.iter().find(is_soa);
        let is_referral = message.answers.is_empty()
            && message.metadata.response_code == Code::NoError
            && !message.metadata.authoritative
            && !message.metadata.recursion_available
            && soa.is_none()
            && !message.authorities.is_empty();
        let absence = soa.and_then(|record| match &record.data {
            RData::SOA(soa) => Some(lifetime(record.ttl.min(soa.minimum))),
            _ => None,
        });
        let answers = message.answers.iter();
        Reply {
            no_such_name: message.metadata.response_code == Code::NXDomain,
            answers: answers.filter_map(record).collect(),
            absence,
            is_referral,
        }
    }
}

/// A time to live. With the highest bit set, it counts as none (RFC 2181, section 8).
fn lifetime(ttl: u32) -> Duration {
    Duration::from_secs(if ttl >> 31 == 0 { ttl.into() } else { 0 })
}

/// A record of the class of the Internet, for users.
fn record(wire: &WireRecord) -> Option<Record> {
    if wire.dns_class != DNSClass::IN {
        return None;
    }
    let data = match &wire.data {
        RData::A(address) => RecordData::A(address.0),
        RData::AAAA(address) => RecordData::Aaaa(address.0),
        RData::CNAME(name) => RecordData::Cname(to_text(name)),
        RData::NS(name) => RecordData::Ns(to_text(name)),
        RData::PTR(name) => RecordData::Ptr(to_text(name)),
        RData::MX(mx) => RecordData::Mx(MailExchange {
            preference: mx.preference,
            exchange: to_text(&mx.exchange),
        }),
        RData::SRV(srv) => RecordData::Srv(Service {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: to_text(&srv.target),
        }),
        RData::TXT(txt) => RecordData::Txt(Text {
            parts: txt.txt_data.iter().map(|part| part.to_vec()).collect(),
        }),
        RData::SOA(soa) => RecordData::Soa(Soa {
            primary: to_text(&soa.mname),
            responsible: to_text(&soa.rname),
            serial: soa.serial,
            refresh: soa.refresh,
            retry: soa.retry,
            expire: soa.expire,
            minimum: soa.minimum,
        }),
        data => {
            let mut bytes = Vec::new();
            data.emit(&mut BinEncoder::new(&mut bytes)).ok()?;
            RecordData::Other(u16::from(wire.record_type()).into(), bytes)
        }
    };
    Some(Record {
        name: to_text(&wire.name),
        ttl: lifetime(wire.ttl),
        data,
    })
}
