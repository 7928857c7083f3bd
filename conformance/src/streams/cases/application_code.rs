//! Wherever code of an application runs, it may do anything: panic, write, switch, close, drop.

use std::cell::Cell;
use std::panic::panic_any;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Producer, ProducerKind, TransportRef};

use crate::streams::{Event, How, Kind, Peer, World};

/// Where code of an application runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Made,
    Data,
    ReadLost,
    WriteLost,
    Lost,
    Call,
    LateCall,
    Timer,
    Sent,
    Resume,
    Pause,
    HasFinished,
    Stop,
    /// What a closure held that was never called.
    Dropped,
}

const PLACES: [Place; 14] = [
    Place::Made,
    Place::Data,
    Place::ReadLost,
    Place::WriteLost,
    Place::Lost,
    Place::Call,
    Place::LateCall,
    Place::Timer,
    Place::Sent,
    Place::Resume,
    Place::Pause,
    Place::HasFinished,
    Place::Stop,
    Place::Dropped,
];

/// What it does there.
type Act = fn(&Peer, &TransportRef);

const ACTS: [Act; 12] = [
    |_, _| panic!("a bug in the application"),
    |_, _| panic_any(Fragile),
    |_, transport| transport.write(b"written"),
    |_, transport| transport.write_sequence(&[b"written ", b"in pieces"]),
    |guest, transport| drop(transport.switch_protocol(guest.quiet())),
    |_, transport| transport.lose_connection(),
    |_, transport| transport.lose_write_connection(),
    |_, transport| transport.abort_connection(),
    |_, transport| {
        transport.pause_producing();
        transport.unread(b"given back");
        transport.resume_producing();
    },
    |_, transport| drop(transport.unregister_producer()),
    |_, transport| {
        let producer = Rc::new(Idle);
        let _ = transport.register_producer(producer, ProducerKind::Push);
    },
    |peer, transport| {
        let again = transport.clone();
        transport.when_sent(Box::new(move || again.write(b"later")));
        peer.me().call(|_, transport| transport.write(b"called"));
    },
];

/// A value whose drop panics.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a bug in a drop");
        }
    }
}

struct Idle;

impl Producer for Idle {
    fn resume_producing(&self) {}
    fn pause_producing(&self) {}
    fn stop_producing(&self) {}
}

/// Does something at one place, once.
struct Script {
    place: Place,
    act: Cell<Option<Act>>,
    peer: Peer,
}

impl Script {
    fn at(&self, place: Place, transport: &TransportRef) {
        if place == self.place
            && let Some(act) = self.act.take()
        {
            act(&self.peer, transport);
        }
    }
}

/// Writes three pieces, each more than the high-water mark.
struct Acts {
    script: Rc<Script>,
    transport: TransportRef,
    left: Cell<u32>,
}

impl Producer for Acts {
    fn resume_producing(&self) {
        self.script.at(Place::Resume, &self.transport);
        match self.left.get() {
            0 => drop(self.transport.unregister_producer()),
            left => {
                self.left.set(left - 1);
                self.transport.write(&[0; 70_000]);
            }
        }
    }

    fn pause_producing(&self) {
        self.script.at(Place::Pause, &self.transport);
    }

    fn stop_producing(&self) {
        self.script.at(Place::Stop, &self.transport);
    }

    fn has_finished(&self) -> Option<bool> {
        self.script.at(Place::HasFinished, &self.transport);
        Some(true)
    }
}

/// Acts when it is dropped.
struct OnDrop(Rc<Script>, TransportRef);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.at(Place::Dropped, &self.1);
    }
}

fn begin(script: &Rc<Script>, transport: &TransportRef) {
    let (here, mine) = (script.clone(), transport.clone());
    transport.when_sent(Box::new(move || here.at(Place::Sent, &mine)));
    let me = script.peer.me();
    let here = script.clone();
    me.call(move |_, transport| here.at(Place::LateCall, transport));
    let here = script.clone();
    me.call_later(Duration::from_millis(1), move |_, transport| {
        here.at(Place::Timer, transport);
    });
    let held = OnDrop(script.clone(), transport.clone());
    me.call_later(Duration::from_secs(3600), move |_, _| drop(held));
    let kind = match script.place {
        Place::Pause | Place::HasFinished => ProducerKind::Push,
        _ => ProducerKind::Pull,
    };
    let producer = Rc::new(Acts {
        script: script.clone(),
        transport: transport.clone(),
        left: Cell::new(3),
    });
    let _ = transport.register_producer(producer.clone(), kind);
    if kind == ProducerKind::Push {
        producer.resume_producing();
    }
}

pub(crate) fn code_may_do_anything_anywhere(kind: Kind, how: How) {
    let (one, other) = (Peer::new(), Peer::new());
    let mut world = World::connected(kind, how, (&one, one.quiet()), (&other, other.echoing()));
    for place in PLACES {
        for (number, act) in ACTS.into_iter().enumerate() {
            println!("{place:?}, act {number}");
            let (client, server) = (Peer::new(), Peer::new());
            let script = Rc::new(Script {
                place,
                act: Cell::new(Some(act)),
                peer: server.clone(),
            });
            let acting = script.clone();
            let acts = server.keeping_open(move |transport, event| {
                if let Event::Made = event {
                    begin(&acting, transport);
                }
                let place = match event {
                    Event::Made => Place::Made,
                    Event::Data(_) => Place::Data,
                    Event::ReadLost => Place::ReadLost,
                    Event::WriteLost => Place::WriteLost,
                    Event::Lost => Place::Lost,
                    Event::Switched => return,
                };
                acting.at(place, transport);
                if let Event::Data(_) = event {
                    transport.unregister_producer();
                    transport.lose_write_connection();
                }
            });
            // The world watches neither: one of them may be switched out.
            let quiet = client.keeping_open(|transport, event| {
                if let Event::Made = event {
                    transport.write(b"hello");
                    transport.lose_write_connection();
                }
            });
            world.connect((&client, quiet), (&server, acts));
            // A server that aborts at once may keep the client from ever being connected.
            world.until(|| client.is_made() || client.is_over() || server.is_over());
            world.pass(Duration::from_millis(2));
            let outside = script.clone();
            server
                .me()
                .call(move |_, transport| outside.at(Place::Call, transport));
            world.settle();
            if client.is_made() && !client.is_over() {
                client.transport().abort_connection();
            }
            world.until(|| client.is_over() || !client.is_made());
            world.settle();
            world.forget(&client);
            world.forget(&server);
            let before = one.count();
            one.transport().write(b"!");
            world.until(|| one.count() > before);
        }
    }
}

/// A protocol that holds a value whose drop panics.
pub(crate) fn the_drop_of_a_protocol_may_panic(kind: Kind, how: How) {
    let (one, other) = (Peer::new(), Peer::new());
    let mut world = World::connected(kind, how, (&one, one.quiet()), (&other, other.echoing()));
    for switches in [false, true] {
        let (client, server, guest) = (Peer::new(), Peer::new(), Peer::new());
        let fragile = Fragile;
        let next = guest.clone();
        let holds = server.reacting(move |transport, event| {
            let _ = &fragile;
            if let Event::Data(_) = event {
                if switches {
                    drop(transport.switch_protocol(next.quiet()));
                } else {
                    transport.lose_connection();
                }
            }
        });
        world.connect((&client, client.quiet()), (&server, holds));
        world.until(|| client.is_made());
        client.transport().write(b"hello");
        world.until(|| client.is_over());
        world.forget(&client);
        world.forget(&server);
        one.transport().write(b"still here");
        let before = one.count();
        world.until(|| one.count() >= before + 10);
    }
}
