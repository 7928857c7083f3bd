//! Descriptors that cannot be a stream: each gets an error of its own, and nothing stays open.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use retwist::{DescriptorStream, OpenError};

use crate::world::{Story, pass, reactor};

/// Opens it, and returns the error. The protocol hears nothing.
fn refused(stream: DescriptorStream) -> OpenError {
    let reactor = reactor();
    let story = Story::default();
    let refused = reactor.open_descriptors(stream, story.protocol());
    pass(&reactor);
    assert_eq!(story.told(), "");
    refused.expect_err("a stream that cannot be")
}

#[test]
fn a_descriptor_for_the_other_direction_is_refused() {
    let (reader, writer) = std::io::pipe().unwrap();
    let error = refused(DescriptorStream::pair(writer, reader));
    assert!(matches!(error, OpenError::NotReadable), "{error}");

    let (reader, _writer) = std::io::pipe().unwrap();
    let error = refused(DescriptorStream::writing(reader));
    assert!(matches!(error, OpenError::NotWritable), "{error}");

    let (_reader, writer) = std::io::pipe().unwrap();
    let error = refused(DescriptorStream::new(writer));
    assert!(matches!(error, OpenError::NotReadable), "{error}");
}

#[test]
fn what_has_no_stream_of_bytes_is_refused() {
    let folder = File::open(std::env::temp_dir()).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (descriptor, wanted) in [
        (OwnedFd::from(folder), "a directory"),
        (OwnedFd::from(datagrams), "a socket of datagrams"),
    ] {
        let error = refused(DescriptorStream::reading(descriptor)).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn a_socket_that_listens_is_refused() {
    let path = std::env::temp_dir().join(format!("descriptors-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = refused(DescriptorStream::new(listener)).to_string();
    assert!(error.contains("a socket that listens"), "{error}");
}

#[test]
fn a_reactor_that_has_ended_refuses() {
    let reactor = reactor();
    let handle = reactor.handle();
    drop(reactor);
    let (reader, _writer) = std::io::pipe().unwrap();
    let refused = handle.open_descriptors(
        DescriptorStream::reading(reader),
        Story::default().protocol(),
    );
    assert!(matches!(refused, Err(OpenError::ReactorGone)));
}
