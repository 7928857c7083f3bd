use std::mem;

use retwist_reactor::Reason;

use super::{COLLECTED_LIMIT, LINE_LIMIT, Literal, Session, State};
use crate::mail::MailError;
use crate::mail::imap::command::Purpose;
use crate::mail::imap::response::Step;
use crate::{LineReceiver, LineTransport};

impl Session {
    /// A literal of this many bytes comes next.
    fn begin_literal(&mut self, transport: &LineTransport, size: u64) -> Result<(), MailError> {
        let mut is_message = false;
        if let State::Running(command) = &mut self.state
            && let Purpose::Fetch(fetch) = &mut command.purpose
            && !fetch.found
            && self.responses.is_at_message()
        {
            if size > self.options.max_message {
                return Err(MailError::TooLong(self.options.max_message));
            }
            fetch.found = true;
            is_message = true;
            self.responses.skip_literal();
        } else {
            self.responses.begin_literal(size)?;
        }
        if size > 0 {
            self.literal = Some(Literal {
                left: size,
                is_message,
            });
            transport.set_raw_mode();
        }
        Ok(())
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        let me = transport.me(self);
        self.queue.connect(move |wake| {
            me.call(move |session, transport| session.woken(transport, wake));
        });
        self.wait(transport);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if self.is_collecting() {
            self.collected += line.len();
        }
        if self.collected > COLLECTED_LIMIT {
            return self.fail(transport, MailError::TooLong(COLLECTED_LIMIT as u64));
        }
        match self.responses.line(line, self.command()) {
            Ok(Step::Complete(response)) => self.responded(transport, response),
            Ok(Step::Literal(size)) => {
                if let Err(error) = self.begin_literal(transport, size) {
                    self.fail(transport, error);
                }
            }
            Err(error) => self.fail(transport, error),
        }
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        let Some(mut literal) = self.literal.take() else {
            return transport.set_line_mode(data);
        };
        let length = usize::try_from(literal.left).map_or(data.len(), |left| left.min(data.len()));
        let (own, rest) = data.split_at(length);
        literal.left -= length as u64;
        if !literal.is_message {
            self.collected += length;
            self.responses.literal(own);
        } else if let State::Running(command) = &mut self.state
            && let Purpose::Fetch(fetch) = &mut command.purpose
        {
            fetch.bytes += length as u64;
            (fetch.sink)(own);
        }
        self.wait(transport);
        if literal.left > 0 {
            self.literal = Some(literal);
        } else {
            transport.set_line_mode(rest);
        }
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        self.fail(transport, MailError::TooLong(LINE_LIMIT as u64));
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        if let State::Handshake = self.state {
            self.under_tls = true;
            self.ask_capabilities(transport);
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let bye = self.bye.take();
        let leaves = matches!(&self.state, State::Running(command) if matches!(command.purpose, Purpose::Logout(_)));
        if leaves && bye.is_some() {
            // It has said goodbye, which is all that was asked.
            if let State::Running(command) = mem::replace(&mut self.state, State::Over)
                && let Purpose::Logout(done) = command.purpose
            {
                self.queue.end(MailError::Ended);
                done(Ok(()));
            }
        }
        let error = match self.state {
            State::Handshake => MailError::Handshake(reason.clone()),
            _ => bye.unwrap_or_else(|| MailError::Lost(reason.clone())),
        };
        self.end(error);
    }
}
