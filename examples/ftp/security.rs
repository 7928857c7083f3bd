//! Who the client is, and what of the conversation is protected (RFC 4217). It decides; the session
//! does what follows.

use crate::security::Then::{Close, Go, StartTls, StopTls};

/// The one user, where there is one.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Go,
    StartTls,
    StopTls,
    Close,
}

#[derive(Debug, Default)]
pub(crate) struct Security {
    login: Login,
    wrong_passwords: usize,
    control: Control,
    /// PBSZ, which TLS makes pointless, has to come before PROT all the same.
    has_size: bool,
    /// PROT P: data connections speak TLS.
    data: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Login {
    #[default]
    Stranger,
    Named(String),
    Known,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Control {
    #[default]
    Clear,
    Tls,
    /// TLS has been, and was ended by CCC. What was agreed on under it holds.
    ClearAgain,
}

/// How often a password may be wrong.
const PATIENCE: usize = 3;

impl Security {
    /// The answer to a command about security, `None` to any other.
    pub(crate) fn command(
        &mut self,
        account: Option<&Account>,
        name: &str,
        argument: &str,
    ) -> Option<(&'static str, Then)> {
        let method = argument.to_ascii_uppercase();
        Some(match (name, &self.control) {
            ("AUTH", Control::Clear) if method == "TLS" || method == "TLS-C" => {
                // What came in clear may come from any host on the way, so it is forgotten.
                *self = Security {
                    control: Control::Tls,
                    ..Security::default()
                };
                ("234 go ahead", StartTls)
            }
            ("AUTH", Control::Clear) => ("504 AUTH TLS is all there is", Go),
            ("AUTH", _) => ("503 TLS has been started already", Go),
            ("PBSZ" | "PROT", Control::ClearAgain) => ("533 this was settled under TLS", Go),
            ("PBSZ" | "PROT" | "CCC", Control::Clear) => ("503 AUTH TLS comes first", Go),
            ("PBSZ", Control::Tls) => {
                self.has_size = true;
                ("200 PBSZ=0", Go)
            }
            ("PROT", Control::Tls) => (self.protect(&method), Go),
            ("CCC", Control::Tls) if self.is_known() => {
                self.control = Control::ClearAgain;
                ("200 in clear from here on", StopTls)
            }
            ("CCC", Control::Tls) => ("530 log in first", Go),
            ("CCC", Control::ClearAgain) => ("533 this is in clear", Go),
            ("USER", _) => (self.name(argument), Go),
            ("PASS", _) => self.password(account, argument),
            _ => return None,
        })
    }

    fn protect(&mut self, level: &str) -> &'static str {
        match level {
            _ if !self.has_size => "503 PBSZ comes first",
            "P" => {
                self.data = true;
                "200 data is protected"
            }
            "C" => {
                self.data = false;
                "200 data is in clear"
            }
            "S" | "E" => "536 TLS has no such level",
            _ => "504 there is no such level",
        }
    }

    fn name(&mut self, name: &str) -> &'static str {
        if self.is_known() {
            return "503 you are logged in";
        }
        self.login = Login::Named(name.into());
        "331 and the password?"
    }

    fn password(&mut self, account: Option<&Account>, password: &str) -> (&'static str, Then) {
        let Login::Named(name) = &self.login else {
            return ("503 USER comes first", Go);
        };
        let right = match account {
            Some(account) => account.name == *name && account.password == password,
            None => name == "anonymous" || name == "ftp",
        };
        if right {
            self.login = Login::Known;
            return ("230 welcome", Go);
        }
        self.login = Login::Stranger;
        self.wrong_passwords += 1;
        match self.wrong_passwords {
            PATIENCE => ("421 that is enough", Close),
            _ => ("530 this is not who may come in", Go),
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.login == Login::Known
    }

    /// Whether TLS has been started on the control connection; CCC may have ended it.
    pub(crate) fn has_had_tls(&self) -> bool {
        self.control != Control::Clear
    }

    /// Whether data connections speak TLS.
    pub(crate) fn protects_data(&self) -> bool {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands, and the first three digits and what follows of their answers.
    fn talk(account: Option<Account>, conversation: &[(&str, &str, Then)]) -> Security {
        let mut security = Security::default();
        for (line, code, then) in conversation {
            let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
            let answer = security.command(account.as_ref(), name, argument);
            let (answer, follows) = answer.expect(line);
            assert_eq!((&answer[..3], follows), (*code, *then), "{line}");
        }
        security
    }

    #[test]
    fn tls_comes_once_and_goes_once() {
        let security = talk(
            None,
            &[
                ("USER ftp", "331", Go),
                ("PASS x", "230", Go),
                ("CCC", "503", Go),
                ("PBSZ 0", "503", Go),
                ("PROT P", "503", Go),
                ("AUTH SSL", "504", Go),
                ("AUTH tls", "234", StartTls),
                ("AUTH TLS", "503", Go),
                ("CCC", "530", Go),
                ("PROT P", "503", Go),
                ("PBSZ 0", "200", Go),
                ("PROT S", "536", Go),
                ("PROT X", "504", Go),
                ("PROT P", "200", Go),
                ("USER anonymous", "331", Go),
                ("PASS x", "230", Go),
                ("CCC", "200", StopTls),
                ("PROT C", "533", Go),
                ("CCC", "533", Go),
                ("AUTH TLS", "503", Go),
                ("USER other", "503", Go),
            ],
        );
        assert!(security.is_known() && security.protects_data() && security.has_had_tls());
    }

    #[test]
    fn only_the_user_may_come_in() {
        let (name, password) = ("me".to_owned(), "secret".to_owned());
        let security = talk(
            Some(Account { name, password }),
            &[
                ("PASS secret", "503", Go),
                ("USER anonymous", "331", Go),
                ("PASS secret", "530", Go),
                ("PASS secret", "503", Go),
                ("USER me", "331", Go),
                ("PASS Secret", "530", Go),
                ("USER me", "331", Go),
                ("PASS ", "421", Close),
            ],
        );
        assert!(!security.is_known());
    }
}
