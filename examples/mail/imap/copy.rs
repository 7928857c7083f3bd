//! COPY and MOVE (RFC 6851), with the UIDs of the copies (RFC 4315).
//!
//! A copy is a second name for the same file: one call to the system for each message, all in one turn, so that all or none
//! are copied.

use imap_codec::imap_types::mailbox::Mailbox as Name;
use imap_codec::imap_types::sequence::SequenceSet;
use mail_store::Mailbox;

use crate::answer::{Answer, to_target};
use crate::folders::name;
use crate::session::Session;
use crate::text;

impl Session {
    pub(crate) fn copy(&mut self, set: &SequenceSet, to: &Name<'_>, is_uid: bool) -> Answer {
        let (uids, mut target) = match self.to_copy(set, to, is_uid) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let Some(selected) = &mut self.selected else {
            return Answer::bad("select a mailbox first");
        };
        match selected.mailbox.copy_to(&uids, &mut target) {
            Err(error) => to_target(error),
            Ok(pairs) if pairs.is_empty() => Answer::ok("nothing is copied"),
            Ok(pairs) => Answer::ok(format!("{} copied", copy_uid(&target, &pairs))),
        }
    }

    pub(crate) fn move_messages(
        &mut self,
        set: &SequenceSet,
        to: &Name<'_>,
        is_uid: bool,
        out: &mut Vec<u8>,
    ) -> Answer {
        let (uids, mut target) = match self.to_copy(set, to, is_uid) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let Some(selected) = &mut self.selected else {
            return Answer::bad("select a mailbox first");
        };
        if selected.is_read_only {
            return Answer::no("the mailbox is to be looked at only");
        }
        match selected.mailbox.move_to(&uids, &mut target) {
            Err(error) => to_target(error),
            Ok(pairs) if pairs.is_empty() => Answer::ok("nothing is moved"),
            Ok(pairs) => {
                // Before the messages are expunged, so that the client knows where they are.
                text::write(
                    out,
                    format_args!("* OK {} moved\r\n", copy_uid(&target, &pairs)),
                );
                Answer::ok("moved")
            }
        }
    }

    fn to_copy(
        &self,
        set: &SequenceSet,
        to: &Name<'_>,
        is_uid: bool,
    ) -> Result<(Vec<u32>, Mailbox), Answer> {
        let selected = self.selected.as_ref();
        let uids = selected.and_then(|selected| selected.view.resolve(set, is_uid));
        let uids = uids.ok_or_else(|| Answer::bad("there is no such message"))?;
        Ok((uids, self.open_target(&name(to))?))
    }
}

fn copy_uid(target: &Mailbox, pairs: &[(u32, u32)]) -> String {
    let from = text::set(pairs.iter().map(|(from, _)| *from));
    let to = text::set(pairs.iter().map(|(_, to)| *to));
    format!("[COPYUID {} {from} {to}]", target.uid_validity())
}
