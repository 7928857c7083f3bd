use super::*;

fn mail(sender: &str, parameters: Parameters) -> Command<'_> {
    Command::Mail { sender, parameters }
}

fn hello(hello: Hello, name: &str) -> Command<'_> {
    Command::Hello { hello, name }
}

#[test]
fn lines() {
    let none = Parameters::default();
    let size = |size| Parameters {
        size: Some(size),
        ..none
    };
    for (line, command) in [
        ("ehlo client.example", hello(Hello::Ehlo, "client.example")),
        ("HELO [192.0.2.1]", hello(Hello::Helo, "[192.0.2.1]")),
        ("LHLO a", hello(Hello::Lhlo, "a")),
        ("EHLO", Command::Malformed),
        ("EHLO a b", Command::Malformed),
        ("STARTTLS", Command::StartTls),
        ("STARTTLS now", Command::Malformed),
        ("MAIL FROM:<a@b>", mail("a@b", none)),
        ("mail from: <> size=12 Body=8bitMIME", mail("", size(12))),
        (
            "MAIL FROM:<a@b> BODY=BINARYMIME SMTPUTF8 AUTH=<>",
            mail(
                "a@b",
                Parameters {
                    is_binary: true,
                    is_utf8: true,
                    ..none
                },
            ),
        ),
        ("MAIL FROM:<a@b> SIZE=x", Command::Malformed),
        ("MAIL FROM:<a@b> SIZE=+1", Command::Malformed),
        ("MAIL FROM:<a@b> BODY=9BIT", Command::Malformed),
        ("MAIL FROM:<a@b> WHAT=1", Command::Parameter),
        ("MAIL FROM:<a@b>SIZE=1", Command::Malformed),
        ("MAIL FROM:a@b", Command::Malformed),
        ("MAIL FROM:<a@b", Command::Malformed),
        ("MAIL", Command::Malformed),
        ("RCPT TO:<c@d>", Command::Recipient("c@d")),
        (
            "RCPT TO:<\"a> b\\\"c\"@d>",
            Command::Recipient("\"a> b\\\"c\"@d"),
        ),
        ("RCPT TO:<@one,@two:c@d>", Command::Recipient("c@d")),
        ("RCPT TO:<@one>", Command::Malformed),
        ("RCPT TO:<c@d> NOTIFY=NEVER", Command::Parameter),
        ("RCPT TO:<>", Command::Malformed),
        ("RCPT TO:<a b>", Command::Malformed),
        ("RCPT TO:<a\tb>", Command::Malformed),
        ("RCPT FROM:<c@d>", Command::Malformed),
        (
            "auth plain AGEAYg==",
            Command::Auth {
                mechanism: "plain",
                initial: Some("AGEAYg=="),
            },
        ),
        ("AUTH", Command::Malformed),
        ("AUTH PLAIN a b", Command::Malformed),
        (
            "BDAT 86 last",
            Command::Chunk {
                size: 86,
                is_last: true,
            },
        ),
        (
            "BDAT 18446744073709551615",
            Command::Chunk {
                size: u64::MAX,
                is_last: false,
            },
        ),
        ("BDAT 18446744073709551616", Command::MalformedChunk),
        ("BDAT", Command::MalformedChunk),
        ("BDAT -1", Command::MalformedChunk),
        ("BDAT 1 FIRST", Command::MalformedChunk),
        ("rset", Command::Reset),
        ("", Command::Unknown),
        ("FOO", Command::Unknown),
        ("é", Command::Unknown),
        ("NOOP a\nRSET", Command::Malformed),
        ("NOOP \0", Command::Malformed),
    ] {
        assert_eq!(Command::parse(line.as_bytes()), command, "{line}");
    }
    assert_eq!(Command::parse(b"NOOP \xff"), Command::Unknown);
    let long = format!("RCPT TO:<{}@d>", "a".repeat(LONGEST_ADDRESS));
    assert_eq!(Command::parse(long.as_bytes()), Command::Malformed);
}
