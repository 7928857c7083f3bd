//! The ports of programs that pass open files over UNIX sockets, and the programs for Twisted: they do
//! the same, and talk to each other.

use std::fs;

use crate::porting::both;
use crate::program::Program;
use crate::unix_chat::Folder;

#[test]
fn a_lender_and_a_borrower() {
    for lender in both("lender", &[]) {
        let folder = Folder::new("lender");
        let files = ["a", "b", "c"].map(|name| folder.path(name));
        for (index, file) in files.iter().enumerate() {
            fs::write(file, format!("file {index}")).unwrap();
        }
        let place = folder.path("socket");
        let mut lender = lender;
        lender.arg(&place).args(&files);
        let lender = Program::run(lender);
        assert_eq!(lender.place(), place);
        for borrower in both("borrower", &[&place]) {
            let borrower = Program::run(borrower);
            for (index, file) in files.iter().enumerate() {
                assert_eq!(borrower.line(), format!("{file}: file {index}"));
            }
            assert_eq!(borrower.exit_code(), Some(0));
        }
    }
}

#[test]
fn a_borrower_without_a_lender() {
    let folder = Folder::new("no-lender");
    for borrower in both("borrower", &[&folder.path("nothing")]) {
        let borrower = Program::run(borrower);
        assert_eq!(borrower.line(), "there is no lender");
        assert_eq!(borrower.exit_code(), Some(0));
    }
}
