//! The page of the project, in a real browser.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::browser::Browser;
use crate::program::has;

/// A server of files, on this machine alone. It ends when this is dropped.
struct Files(Child, String);

impl Files {
    fn serve(folder: &Path) -> Self {
        let mut server = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .arg("--directory")
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut line = String::new();
        let output = server.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a line of the server");
        let port = line
            .split(" port ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = format!("http://127.0.0.1:{}/", port.expect("its port"));
        Files(server, address)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the site") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "html") {
            found.push(path);
        }
    }
}

/// What is wrong with a page for those who do not see it, who have no mouse, or a small screen.
const FAULTS: &str = "(() => {
    const faults = [];
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) faults.push(`${wide} pixels too wide`);
    if (!document.documentElement.lang) faults.push('no language');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one heading of the first degree');
    for (const image of document.images) {
        if (!image.alt) faults.push(`no text for ${image.src}`);
        if (!image.naturalWidth) faults.push(`${image.src} is missing`);
    }
    for (const it of document.querySelectorAll('a[href], button')) {
        if (!it.textContent.trim() && !it.ariaLabel && !it.title) faults.push(`no name: ${it.outerHTML}`);
    }
    for (const it of performance.getEntriesByType('resource')) {
        if (!it.name.startsWith(location.origin)) faults.push(`fetches ${it.name}`);
    }
    return faults.join('; ');
})()";

/// The colour behind the text, as red, green and blue together.
const BRIGHTNESS: &str = "(() => {
    const colour = getComputedStyle(document.body).backgroundColor;
    return colour.match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
})()";

/// What the key Tab reaches first, of what is seen.
const REACHED: &str = "document.querySelectorAll('a[href], button').length > 10
    && [...document.querySelectorAll('a[href], button')].every((it) => it.tabIndex >= 0 || it.ariaHidden)";

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
    let mut found = Vec::new();
    pages(&folder, &mut found);
    assert!(found.len() > 30, "{found:?}");
    let mut browser = Browser::start();
    let mut faults = Vec::new();
    for page in &found {
        let name = page.strip_prefix(&folder).expect("below the site");
        let url = format!("{}{}", files.1, name.display());
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            let mut page = browser.open_watched(&url, width, scheme);
            let wrong = browser.evaluate(&mut page, FAULTS);
            if wrong != "" {
                faults.push(format!("{url} at {width}: {wrong}"));
            }
            let brightness = browser.evaluate(&mut page, BRIGHTNESS);
            let brightness = brightness.as_i64().expect("a colour");
            if (brightness > 500) != (scheme == "light") {
                faults.push(format!("{url}: {scheme}, and the colours are {brightness}"));
            }
            if name == Path::new("index.html") {
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
