//! The page of the project, in a real browser.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::browser::Browser;
use crate::program::has;
use crate::web::{FAINT, FAULTS, Files, SCROLLED, pages};

/// The colour behind the text, as red, green and blue together.
const BRIGHTNESS: &str = "(() => {
    const colour = getComputedStyle(document.body).backgroundColor;
    return colour.match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
})()";

/// Whether the key Tab reaches all that can be pressed.
const REACHED: &str = "document.querySelectorAll('a[href], button').length > 10
    && [...document.querySelectorAll('a[href], button')].every((it) => it.tabIndex >= 0 || it.ariaHidden)";

/// Whether the first thing that the key Tab reaches is seen then, and leads past the bar to the content.
const SKIPS: &str = "(() => {
    const first = document.querySelector('a[href], button, input');
    first.focus();
    const box = first.getBoundingClientRect();
    const content = document.querySelector(first.getAttribute('href'));
    first.click();
    return box.left >= 0 && box.top >= 0 && box.width > 40 && document.activeElement === content && content.matches('[role=main]');
})()";

#[test]
fn every_page_is_whole_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let generator = root.join("target/mkdocs/bin/mkdocs");
    if !has("python3") || !has("chromium") || !has(&generator.display().to_string()) {
        return;
    }
    let built = Command::new(root.join("site/build")).output();
    let built = built.expect("bash starts");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    let folder = root.join("target/site");
    let files = Files::serve(&folder);
    let found = pages(&folder);
    assert!(found.len() > 30, "{found:?}");
    let mut browser = Browser::start();
    let mut faults = Vec::new();
    for name in &found {
        let url = files.url(name);
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            let mut page = browser.open_watched(&url, width, scheme);
            let wrong = browser.evaluate(&mut page, FAULTS);
            if wrong != "" {
                faults.push(format!("{url} at {width}: {wrong}"));
            }
            let faint = browser.evaluate(&mut page, FAINT);
            if faint != "" {
                faults.push(format!("{url}: hard to read, {scheme}: {faint}"));
            }
            let scrolled = browser.evaluate(&mut page, SCROLLED);
            if width == 1280 && scrolled != "" {
                faults.push(format!("{url}: code is too wide: {scrolled}"));
            }
            if browser.evaluate(&mut page, SKIPS) != true {
                faults.push(format!("{url}: its first link does not skip the bar"));
            }
            let brightness = browser.evaluate(&mut page, BRIGHTNESS);
            let brightness = brightness.as_i64().expect("a colour");
            if (brightness > 500) != (scheme == "light") {
                faults.push(format!("{url}: {scheme}, and the colours are {brightness}"));
            }
            if *name == *Path::new("index.html") {
                assert_eq!(browser.evaluate(&mut page, REACHED), json!(true));
                // To be looked at.
                browser.screenshot(&mut page, &folder.with_extension(format!("{scheme}.png")));
            }
            browser.close(page);
        }
    }
    faults.extend(browser.take_complaints());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
