use super::MemoryReactor;
use crate::socket::Family;
use crate::{
    AdoptError, AdoptedSocket, FactoryRef, ListenError, ListeningPort, ReactorAdoption, ReactorTcp,
    ReactorUnix, TcpListen, UnixListen, UnixName,
};

/// It takes the address of the socket, and closes it.
impl ReactorAdoption for MemoryReactor {
    fn adopt_listener(
        &self,
        given: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        let (family, socket) = given.listener()?;
        let address = socket.local_addr().map_err(AdoptError::Failed)?;
        match (family, address.as_socket()) {
            (Family::Ip, Some(address)) => {
                let options = TcpListen::address(address).settings(given.settings);
                self.listen(options, factory)
            }
            _ => {
                let name = UnixName::path(address.as_pathname().unwrap_or("".as_ref()))?;
                let options = UnixListen::name(name).settings(given.settings);
                self.listen_unix_socket(options, factory)
            }
        }
    }
}
