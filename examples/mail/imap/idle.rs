//! IDLE (RFC 2177): the client hears of mail as it comes.

use mail_store::Subscription;
use retwist::protocols::LineTransport;

use crate::answer::Answer;
use crate::job::PIECE;
use crate::session::{Mode, Session};

pub(crate) struct Idle {
    tag: String,
    /// `None` where no mailbox is selected.
    _subscription: Option<Subscription>,
    /// The client has not read what it was told before. What comes meanwhile is told when it has.
    is_waiting: bool,
}

impl Session {
    pub(crate) fn idle(
        &mut self,
        transport: &LineTransport,
        tag: &str,
        out: &mut Vec<u8>,
    ) -> Answer {
        let me = transport.me(self);
        let subscription = self.selected.as_ref().map(|selected| {
            self.service
                .notifier
                .watch(&selected.mailbox, move || me.call(Self::news))
        });
        // What has come before the watch began.
        let followed = self.follow(true, out);
        out.extend_from_slice(b"+ idling\r\n");
        transport.write(out);
        self.mode = Mode::Idling(Idle {
            tag: tag.into(),
            _subscription: subscription,
            is_waiting: false,
        });
        if let Err(why) = followed {
            self.bye(transport, why);
        }
        Answer::Later
    }

    fn news(&mut self, transport: &LineTransport) {
        let Mode::Idling(idle) = &mut self.mode else {
            return;
        };
        if idle.is_waiting {
            return;
        }
        if transport.buffered() > PIECE {
            idle.is_waiting = true;
            return transport.after_sent(self, Self::is_read);
        }
        let mut out = Vec::new();
        let followed = self.follow(true, &mut out);
        if !out.is_empty() {
            transport.write(&out);
        }
        if let Err(why) = followed {
            self.bye(transport, why);
        }
    }

    fn is_read(&mut self, transport: &LineTransport) {
        if let Mode::Idling(idle) = &mut self.mode {
            idle.is_waiting = false;
            self.news(transport);
        }
    }

    /// The client ends it with DONE. Anything else is a mistake, and ends it too.
    pub(crate) fn end_idle(&mut self, transport: &LineTransport, idle: Idle, line: &[u8]) {
        let answer = if line.eq_ignore_ascii_case(b"DONE") {
            Answer::ok("done")
        } else {
            Answer::bad("DONE ends it")
        };
        self.answer(transport, Vec::new(), &idle.tag, answer, true);
    }
}
