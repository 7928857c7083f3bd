use retwist_reactor::{Address, DatagramProtocol, DatagramTransport};

pub(super) struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        transport.send_to(data, from);
    }
}
