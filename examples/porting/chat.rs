//! A chat on lines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{Address, Reactor, Reason};

/// Everyone who has a name, with the transport that leads to him.
type Users = Rc<RefCell<HashMap<Vec<u8>, LineTransport>>>;

struct Chat {
    users: Users,
    name: Option<Vec<u8>>,
}

impl LineReceiver for Chat {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("What's your name?");
    }

    fn connection_lost(&mut self, _: &Reason) {
        if let Some(name) = &self.name {
            self.users.borrow_mut().remove(name);
        }
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        match &self.name {
            None => self.handle_name(transport, line),
            Some(name) => self.handle_chat(name, line),
        }
    }
}

impl Chat {
    fn handle_name(&mut self, transport: &LineTransport, name: &[u8]) {
        let mut users = self.users.borrow_mut();
        if users.contains_key(name) {
            transport.send_line("Name taken, please choose another.");
            return;
        }
        transport.send_line([b"Welcome, ", name, b"!"].concat());
        self.name = Some(name.to_vec());
        users.insert(name.to_vec(), transport.clone());
    }

    fn handle_chat(&self, me: &[u8], message: &[u8]) {
        let message = [b"<", me, b"> ", message].concat();
        for (name, transport) in &*self.users.borrow() {
            if name != me {
                transport.send_line(&message);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: chat ENDPOINT")?;
    let users = Users::default();
    let factory = move |_: &Address| {
        let (users, name) = (users.clone(), None);
        Framed::new(Lines::delimited_by(b"\n"), Chat { users, name })
    };
    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen(&reactor, factory)?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}
