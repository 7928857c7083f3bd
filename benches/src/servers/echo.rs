use retwist_reactor::{Protocol, TransportRef};

pub(super) struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}
