use std::cell::RefCell;
use std::mem;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use retwist_reactor::{Clock, ConnectError, DelayedCall, FullReactor, ListenError};

use super::message::{Query, Question, Reply, Verdict};
use super::name::to_text;
use super::tcp::{TcpEvent, TcpTalk};
use super::udp::{UdpEvent, UdpTalk};
use super::{DnsError, DnsSettings, ResponseCode, ServerError};
use crate::{Deferred, Failure, Promise};

/// One question, asked of one server after the other until one answers.
///
/// What is evil here: datagrams are lost, come twice, come late, come cut, and come from forgers; a
/// server does not listen, does not know, does not understand EDNS, or answers half over UDP and
/// never over TCP; and the question may be taken back at any moment. So:
///
/// - Each server is talked to from a port of its own with an id of its own, which are kept when it
///   is asked again: one that answers late, when others are being asked already, is still heard.
/// - What is not an answer to the query is passed over, and the time goes on running. What can only
///   come from the server itself, and is no answer all the same, ends its part: the next server is
///   asked at once, and this one no more.
/// - There is exactly one timer while it runs, and the timer owns the exchange. All else knows it
///   weakly, so that the end of the reactor ends it, and [`end`](Exchange::end) leaves nothing.
///
/// A server:
///
/// | | its turn comes | truncated | EDNS is not understood | fails | answers |
/// |---|---|---|---|---|---|
/// | Unasked | Udp, or Tcp if all is to go over TCP | | | | |
/// | Udp | Udp, sent again without EDNS | Tcp | Udp, sent again without EDNS | Failed | over |
/// | Tcp | Tcp, waits on | | | Failed | over |
/// | Failed | the next one's turn | | | | |
pub(super) struct Exchange {
    me: Weak<Exchange>,
    reactor: Rc<dyn FullReactor>,
    clock: Clock,
    question: Question,
    settings: Rc<DnsSettings>,
    promise: Promise<Reply, DnsError>,
    state: RefCell<State>,
}

struct State {
    servers: Vec<Server>,
    /// How many turns have begun, of `attempts` a server.
    turns: usize,
    /// Which server has its turn.
    current: usize,
    timer: Option<DelayedCall>,
}

struct Server {
    address: SocketAddr,
    query: Rc<Query>,
    /// The longest datagram that it may send, if it is told.
    edns: Option<u16>,
    talk: Talk,
    error: ServerError,
}

enum Talk {
    Unasked,
    Udp(UdpTalk),
    #[allow(dead_code, reason = "the talk ends when it is dropped")]
    Tcp(TcpTalk),
    Failed,
}

impl Exchange {
    /// Asks the servers, beginning with the one of this number. Cancelling leaves nothing.
    pub(super) fn begin(
        reactor: &Rc<dyn FullReactor>,
        question: &Question,
        settings: &Rc<DnsSettings>,
        first: usize,
    ) -> Deferred<Reply, DnsError> {
        if settings.servers.is_empty() {
            return Deferred::fail(DnsError::NoServers);
        }
        let place = Rc::new(RefCell::new(Weak::<Exchange>::new()));
        let (promise, replied) = Deferred::with_canceller({
            let place = place.clone();
            move |_| {
                if let Some(exchange) = place.borrow().upgrade() {
                    exchange.end();
                }
            }
        });
        let count = settings.servers.len();
        let in_order = (0..count).map(|index| settings.servers[(first % count + index) % count]);
        let servers = in_order.map(|address| Server {
            address,
            query: Rc::new(Query::new(question, settings.random_case)),
            edns: Some(settings.max_datagram.max(512)).filter(|_| settings.max_datagram > 0),
            talk: Talk::Unasked,
            error: ServerError::TimedOut(settings.timeout),
        });
        let servers = servers.collect();
        let exchange = Rc::new_cyclic(|me| Exchange {
            me: me.clone(),
            reactor: reactor.clone(),
            clock: reactor.time(),
            question: question.clone(),
            settings: settings.clone(),
            promise,
            state: RefCell::new(State {
                servers,
                turns: 0,
                current: 0,
                timer: None,
            }),
        });
        *place.borrow_mut() = Rc::downgrade(&exchange);
        exchange.next();
        replied
    }

    /// Asks the server whose turn comes, or fails if each has had its turns.
    fn next(self: &Rc<Self>) {
        loop {
            let index = {
                let mut state = self.state.borrow_mut();
                let count = state.servers.len();
                if count == 0 {
                    return;
                }
                let all_failed = || {
                    let mut servers = state.servers.iter();
                    servers.all(|server| matches!(server.talk, Talk::Failed))
                };
                if state.turns == count.saturating_mul(self.settings.attempts.max(1))
                    || all_failed()
                {
                    drop(state);
                    return self.fail();
                }
                state.current = state.turns % count;
                state.turns += 1;
                state.current
            };
            if self.ask(index) {
                return self.wait();
            }
        }
    }

    /// Gives the current server its time.
    fn wait(self: &Rc<Self>) {
        let me = self.clone();
        let timer = self
            .clock
            .call_later(self.settings.timeout, move || me.next());
        let before = self.state.borrow_mut().timer.replace(timer);
        if let Some(before) = before {
            before.cancel();
        }
    }

    /// Asks a server, or goes on waiting for it. False if it is not to be waited for.
    fn ask(&self, index: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let server = &mut state.servers[index];
        match &server.talk {
            Talk::Failed => return false,
            Talk::Tcp(_) => return true,
            Talk::Unasked if self.settings.use_tcp => {
                drop(state);
                return self.ask_by_tcp(index);
            }
            Talk::Unasked => {}
            // The datagram may have been lost because of its size, or because of what it says.
            Talk::Udp(_) => server.edns = None,
        }
        let Ok(query) = server.query.to_bytes(server.edns) else {
            server.talk = Talk::Failed;
            return false;
        };
        if let Talk::Udp(talk) = &server.talk {
            talk.send(&query);
            return true;
        }
        let (me, address) = (self.me.clone(), server.address);
        drop(state);
        let began = UdpTalk::begin(&*self.reactor, address, query, move |event| {
            if let Some(exchange) = me.upgrade() {
                exchange.heard_by_udp(index, &event);
            }
        });
        match began {
            Ok(talk) => {
                self.set_talk(index, Talk::Udp(talk));
                true
            }
            Err(ListenError::ReactorGone) => {
                self.reactor_ended();
                false
            }
            Err(error) => {
                self.set_error(index, ServerError::NoPort(Arc::new(error)));
                self.set_talk(index, Talk::Failed);
                false
            }
        }
    }

    fn ask_by_tcp(&self, index: usize) -> bool {
        let Some((query, address)) = self.with_server(index, |server| {
            let query = server.query.to_bytes(server.edns).ok()?;
            Some((query, server.address))
        }) else {
            self.set_talk(index, Talk::Failed);
            return false;
        };
        let me = self.me.clone();
        let hear = move |event: TcpEvent<'_>| {
            let exchange = me.upgrade();
            exchange.is_none_or(|exchange| exchange.heard_by_tcp(index, event))
        };
        let timeout = self.settings.timeout;
        let talk = TcpTalk::begin(&*self.reactor, address, timeout, &query, hear);
        self.set_talk(index, Talk::Tcp(talk));
        true
    }

    fn with_server<T>(
        &self,
        index: usize,
        call: impl FnOnce(&mut Server) -> Option<T>,
    ) -> Option<T> {
        call(self.state.borrow_mut().servers.get_mut(index)?)
    }

    /// Ends the talk with a server, and goes on with this one.
    fn set_talk(&self, index: usize, talk: Talk) {
        let before = self.with_server(index, |server| Some(mem::replace(&mut server.talk, talk)));
        // What it does when it goes is done with no borrow held.
        drop(before);
    }

    fn set_error(&self, index: usize, error: ServerError) {
        if let Some(server) = self.state.borrow_mut().servers.get_mut(index) {
            server.error = error;
        }
    }

    fn heard_by_udp(self: &Rc<Self>, index: usize, event: &UdpEvent<'_>) {
        let in_udp = |server: &mut Server| {
            let is_udp = matches!(server.talk, Talk::Udp(_));
            is_udp.then(|| (server.query.clone(), server.edns.is_some()))
        };
        let Some((query, has_edns)) = self.with_server(index, in_udp) else {
            return;
        };
        let data = match event {
            UdpEvent::Datagram(data) => data,
            UdpEvent::Refused => return self.failed(index, ServerError::Refused),
            UdpEvent::NotSent(why) => {
                return self.failed(index, ServerError::NotSent(why.clone()));
            }
        };
        match query.judge(data) {
            Verdict::Foreign => {}
            Verdict::Truncated => {
                // The time begins anew: this is the answer that was waited for.
                self.set_current(index);
                if self.ask_by_tcp(index) {
                    self.wait();
                } else {
                    self.next();
                }
            }
            Verdict::Failed(code) if has_edns && dislikes_edns(code) => {
                self.set_current(index);
                if self.ask(index) {
                    self.wait();
                } else {
                    self.next();
                }
            }
            verdict => self.judged(index, verdict),
        }
    }

    /// Returns true unless there may be another message that is an answer.
    fn heard_by_tcp(self: &Rc<Self>, index: usize, event: TcpEvent<'_>) -> bool {
        let query = self.with_server(index, |server| Some(server.query.clone()));
        let Some(query) = query else {
            return true;
        };
        match event {
            TcpEvent::Message(data) => match query.judge(data) {
                Verdict::Foreign => return false,
                verdict => self.judged(index, verdict),
            },
            TcpEvent::NotConnected(ConnectError::ReactorGone) => self.reactor_ended(),
            TcpEvent::NotConnected(error) => self.failed(index, ServerError::NotConnected(error)),
            TcpEvent::Closed => self.failed(index, ServerError::Closed),
        }
        true
    }

    fn judged(self: &Rc<Self>, index: usize, verdict: Verdict) {
        match verdict {
            Verdict::Answered(reply) if reply.is_referral => {
                self.failed(index, ServerError::NotRecursive);
            }
            Verdict::Answered(reply) => {
                self.end();
                self.promise.fire(Ok(reply));
            }
            Verdict::Failed(code) => self.failed(index, ServerError::Code(code)),
            Verdict::Malformed | Verdict::Truncated => self.failed(index, ServerError::Malformed),
            Verdict::Foreign => {}
        }
    }

    fn set_current(&self, index: usize) {
        self.state.borrow_mut().current = index;
    }

    /// A server will not answer. If it is its turn, that ends.
    fn failed(self: &Rc<Self>, index: usize, error: ServerError) {
        self.set_error(index, error);
        self.set_talk(index, Talk::Failed);
        if self.state.borrow().current == index {
            self.next();
        }
    }

    fn fail(&self) {
        let servers = self.end();
        let failed = servers
            .into_iter()
            .map(|server| (server.address, server.error));
        let name = to_text(&self.question.name);
        let error = DnsError::AllFailed(name, failed.collect());
        self.promise.fire(Err(error.into()));
    }

    fn reactor_ended(&self) {
        self.end();
        self.promise.fire(Err(Failure::ReactorEnded));
    }

    /// Ends all talks and the timer. Returns the servers as they were.
    fn end(&self) -> Vec<Server> {
        let (mut servers, timer) = {
            let mut state = self.state.borrow_mut();
            (mem::take(&mut state.servers), state.timer.take())
        };
        if let Some(timer) = timer {
            timer.cancel();
        }
        for server in &mut servers {
            server.talk = Talk::Failed;
        }
        servers
    }
}

/// Whether a server may answer so because it does not know EDNS: RFC 6891, section 7.
fn dislikes_edns(code: ResponseCode) -> bool {
    [
        ResponseCode::FORMERR,
        ResponseCode::NOTIMP,
        ResponseCode::BADVERS,
    ]
    .contains(&code)
}
