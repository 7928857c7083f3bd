use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Bytes, Message};
use retwist::deferred::{Deferred, DeferredLock, DeferredQueue, LoopingCall, Permit, Promise};
use retwist::{Clock, Hold};
use serde_json::{Value, json};

/// Who is here, by name. A clone is the same room.
#[derive(Clone)]
pub(crate) struct Room {
    guests: Rc<RefCell<Guests>>,
    /// Held while the room is open; then each has it in turn.
    closing: DeferredLock,
    clock: Clock,
}

#[derive(Default)]
struct Guests {
    by_name: BTreeMap<String, Guest>,
    /// `None` when the room is being closed.
    open: Option<Deferred<Permit, Infallible>>,
    /// The program waits for the last to leave.
    hold: Option<Hold>,
    /// As long as there are guests, they are asked for signs of life.
    asking: Option<LoopingCall<Infallible>>,
}

#[derive(Clone)]
struct Guest {
    outbox: Rc<DeferredQueue<Message>>,
    throw_out: Promise<(), Infallible>,
}

/// How many messages may wait for a guest.
const PATIENCE: usize = 1000;
/// How often a guest is asked for a sign of life.
const PING: Duration = Duration::from_secs(30);
/// How long the program waits for guests to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

impl Room {
    pub(crate) fn new(clock: &Clock) -> Self {
        let closing = DeferredLock::new();
        let guests = Guests {
            open: Some(closing.acquire()),
            ..Guests::default()
        };
        Room {
            guests: Rc::new(RefCell::new(guests)),
            closing,
            clock: clock.clone(),
        }
    }

    /// A place for a guest of this name, with what comes when he has to go; or why not.
    pub(crate) fn enter(&self, name: &str) -> Result<(Place, ThrownOut), &'static str> {
        let name = name.trim();
        if !(1..=20).contains(&name.chars().count()) || name.contains(char::is_control) {
            return Err("A name has 1 to 20 characters.");
        }
        let (throw_out, thrown_out) = Deferred::new();
        let guest = Guest {
            outbox: Rc::new(DeferredQueue::new(PATIENCE)),
            throw_out,
        };
        {
            let mut guests = self.guests.borrow_mut();
            if guests.open.is_none() {
                return Err("The room is being closed.");
            }
            if guests.by_name.contains_key(name) {
                return Err("That name is taken.");
            }
            guests.by_name.insert(name.to_owned(), guest.clone());
        }
        self.keep_asking();
        let names: Vec<String> = self.guests.borrow().by_name.keys().cloned().collect();
        guest.tell(message(json!({ "kind": "here", "names": names })));
        self.tell_all(message(json!({ "kind": "came", "who": name })));
        let place = Place {
            room: self.clone(),
            name: name.to_owned(),
            guest,
        };
        Ok((place, thrown_out))
    }

    fn tell_all(&self, message: Message) {
        // Who is thrown out for it leaves later, in a turn of his own.
        for guest in self.guests.borrow().by_name.values() {
            guest.tell(message.clone());
        }
    }

    fn keep_asking(&self) {
        if self.guests.borrow().asking.is_some() {
            return;
        }
        let guests = Rc::downgrade(&self.guests);
        let asking = LoopingCall::<Infallible>::new(&self.clock, move || {
            if let Some(guests) = guests.upgrade() {
                for guest in guests.borrow().by_name.values() {
                    guest.tell(Message::Ping(Bytes::new()));
                }
            }
        });
        // It has not been started before.
        if let Ok(ended) = asking.start_later(PING) {
            ended.done(drop);
        }
        self.guests.borrow_mut().asking = Some(asking);
    }

    /// Fires when the room is being closed.
    pub(crate) fn is_closed(&self) -> Deferred<Permit, Infallible> {
        self.closing.acquire()
    }

    /// Says goodbye to all. They meet again in the next program, and would not hear each other in two: so they
    /// do not wait for the end of a drain.
    pub(crate) fn close(&self) {
        let open = self.guests.borrow_mut().open.take();
        if open.is_some() {
            self.tell_all(Message::Close(Some(goodbye())));
        }
    }

    /// The same, and holds the program until they have left.
    pub(crate) fn close_and_hold(&self, hold: Hold) {
        self.guests.borrow_mut().hold = Some(hold);
        self.close();
        self.release_if_empty();
        let guests = self.guests.clone();
        self.clock.call_later(GOODBYE, move || {
            guests.borrow_mut().hold.take();
        });
    }

    fn leave(&self, name: &str) {
        self.guests.borrow_mut().by_name.remove(name);
        self.tell_all(message(json!({ "kind": "left", "who": name })));
        self.release_if_empty();
    }

    fn release_if_empty(&self) {
        let mut guests = self.guests.borrow_mut();
        if guests.by_name.is_empty() {
            guests.hold.take();
            if let Some(asking) = guests.asking.take() {
                asking.stop();
            }
        }
    }
}

impl Guest {
    fn tell(&self, message: Message) {
        if self.outbox.put(message).is_err() {
            // He may have been thrown out already.
            self.throw_out.fire(Ok(()));
        }
    }
}

/// A guest's place in the room, until it is dropped.
pub(crate) struct Place {
    room: Room,
    name: String,
    guest: Guest,
}

/// Fires when a guest has to go.
pub(crate) type ThrownOut = Deferred<(), Infallible>;

impl Place {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next message for this guest.
    pub(crate) fn next(&self) -> Deferred<Message, Infallible> {
        self.guest.outbox.get()
    }

    pub(crate) fn say(&self, text: &str) {
        if !text.trim().is_empty() {
            let said = json!({ "kind": "said", "who": self.name, "text": text });
            self.room.tell_all(message(said));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.leave(&self.name);
    }
}

/// That the program ends (RFC 6455 7.4.1).
pub(crate) fn goodbye() -> CloseFrame {
    CloseFrame {
        code: CloseCode::Away,
        reason: "the server stops".into(),
    }
}

/// What a guest is told whose name will not do.
pub(crate) fn refused(why: &str) -> Message {
    message(json!({ "kind": "refused", "why": why }))
}

fn message(value: Value) -> Message {
    Message::text(value.to_string())
}
