//! The documentation of the crate, in a real browser: the guide, the tutorial, the guide for those who
//! port, and the items that a reader looks up first.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::browser::Browser;
use crate::program::has;
use crate::web::{Files, SCROLLED, pages};

/// What is looked at beside the chapters.
const ITEMS: [&str; 9] = [
    "index.html",
    "trait.Protocol.html",
    "trait.Transport.html",
    "trait.Factory.html",
    "trait.Layer.html",
    "struct.Reactor.html",
    "struct.ReactorHandle.html",
    "tls/index.html",
    "endpoint/index.html",
];

/// How far a page is wider than the window.
const TOO_WIDE: &str = "Math.max(0, document.documentElement.scrollWidth - innerWidth)";

#[test]
fn every_chapter_is_whole_in_a_browser() {
    if !has("python3") || !has("chromium") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let documented = Command::new(env!("CARGO"))
        .args(["doc", "--quiet", "--no-deps", "-p", "retwist"])
        // Its pages ask for lists that belong to these.
        .args(["-p", "retwist-reactor", "-p", "retwist-protocols"])
        .args(["-p", "retwist-deferred", "-p", "retwist-tls"])
        .current_dir(&root)
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&documented.stderr);
    assert!(documented.status.success(), "{said}");
    let folder = target.join("doc/retwist");
    let mut names: Vec<PathBuf> = ITEMS.iter().map(PathBuf::from).collect();
    for part in ["guide", "porting"] {
        let chapters = pages(&folder.join(part));
        names.extend(chapters.iter().map(|page| Path::new(part).join(page)));
    }
    assert!(names.len() > 40, "{names:?}");
    let pictures = target.join("pictures");
    let _ = std::fs::remove_dir_all(&pictures);
    std::fs::create_dir_all(&pictures).expect("a folder for the pictures");
    let files = Files::serve(&target.join("doc"));
    let mut browser = Browser::start();
    let mut faults = Vec::new();
    for name in &names {
        let url = files.url(&Path::new("retwist").join(name));
        let title = name.with_extension("").display().to_string();
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            let mut page = browser.open_watched(&url, width, scheme);
            let wide = browser.evaluate(&mut page, TOO_WIDE);
            if wide != 0 {
                faults.push(format!("{title} at {width}: {wide} pixels too wide"));
            }
            // On a telephone, a block of code scrolls by itself.
            let scrolled = browser.evaluate(&mut page, SCROLLED);
            if width == 1280 && scrolled != "" {
                faults.push(format!("{title}: code is too wide: {scrolled}"));
            }
            // To be looked at.
            let picture = format!("{}.{width}.png", title.replace('/', "."));
            browser.whole_screenshot(&mut page, &pictures.join(picture));
            browser.close(page);
        }
    }
    // rustdoc asks for lists of implementations under the private path of a re-exported trait, where
    // it does not write them.
    let complaints = browser.take_complaints();
    faults.extend(
        complaints
            .into_iter()
            .filter(|complaint| !complaint.contains("/trait.impl/")),
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
