//! Pages of files for a browser: a server, the list of pages, and what is wrong with one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server of files, on this machine alone. It ends when this is dropped.
pub(crate) struct Files {
    server: Child,
    address: String,
}

impl Files {
    pub(crate) fn serve(folder: &Path) -> Self {
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
        Files { server, address }
    }

    /// The address of a page, whose name is a path below the folder.
    pub(crate) fn url(&self, name: &Path) -> String {
        format!("{}{}", self.address, name.display())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The pages below a folder, as paths below it, in order.
pub(crate) fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(folder, &mut found);
    let mut names: Vec<_> = found
        .iter()
        .map(|page| page.strip_prefix(folder).expect("below it").to_owned())
        .collect();
    names.sort();
    names
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of pages") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "html") {
            found.push(path);
        }
    }
}

/// What is wrong with a page for a reader who does not see it, who has no mouse, or a small screen.
pub(crate) const FAULTS: &str = "(() => {
    const faults = [];
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) faults.push(`${wide} pixels too wide`);
    if (!document.documentElement.lang) faults.push('no language');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one heading of the first degree');
    let before = 0;
    for (const heading of document.querySelectorAll('main :is(h1,h2,h3,h4,h5,h6), [role=main] :is(h1,h2,h3,h4,h5,h6)')) {
        const degree = Number(heading.tagName[1]);
        if (degree > before + 1) faults.push(`behind a heading of degree ${before}: ${heading.outerHTML}`);
        before = degree;
    }
    for (const image of document.images) {
        if (!image.alt) faults.push(`no text for ${image.src}`);
        if (!image.naturalWidth) faults.push(`${image.src} is missing`);
    }
    for (const image of document.querySelectorAll('main svg, [role=main] svg')) {
        if (image.getAttribute('role') === 'img' && !image.ariaLabel && !image.querySelector('title')) faults.push('a picture without a text');
    }
    for (const it of document.querySelectorAll('a[href], button')) {
        if (!it.textContent.trim() && !it.ariaLabel && !it.title) faults.push(`no name: ${it.outerHTML}`);
    }
    for (const it of performance.getEntriesByType('resource')) {
        if (!it.name.startsWith(location.origin)) faults.push(`fetches ${it.name}`);
    }
    return faults.join('; ');
})()";

/// The code that a reader has to scroll from side to side: the first words of each block.
pub(crate) const SCROLLED: &str = "[...document.querySelectorAll('pre')]
    .filter((it) => it.scrollWidth > it.clientWidth + 1)
    .map((it) => `${it.scrollWidth - it.clientWidth} pixels: ${it.textContent.trim().slice(0, 60)}`)
    .join('; ')";

/// The texts that stand out too little from what is behind them: a ratio of less than 4.5, or of 3 for
/// large letters (WCAG 2.1, 1.4.3).
pub(crate) const FAINT: &str = "(() => {
    const parts = (colour) => {
        const [red, green, blue, alpha = 1] = colour.match(/[0-9.]+/g).map(Number);
        return { red, green, blue, alpha };
    };
    const over = (above, below) => {
        const mix = (part) => above[part] * above.alpha + below[part] * (1 - above.alpha);
        return { red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: 1 };
    };
    const behind = (element) => {
        if (!element) return { red: 255, green: 255, blue: 255, alpha: 1 };
        const own = parts(getComputedStyle(element).backgroundColor);
        return own.alpha === 1 ? own : over(own, behind(element.parentElement));
    };
    const brightness = ({ red, green, blue }) => {
        const [r, g, b] = [red, green, blue].map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faint = new Map();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const element = text.parentElement;
        if (!text.data.trim() || !element.getClientRects().length || element.closest('script, style, .disabled, [disabled]')) continue;
        const style = getComputedStyle(element);
        if (style.visibility !== 'visible' || Number(style.opacity) === 0) continue;
        const back = behind(element);
        const front = over(parts(element instanceof SVGElement ? style.fill : style.color), back);
        const [one, other] = [brightness(front), brightness(back)];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
        const name = `${element.tagName}.${element.className.baseVal ?? element.className}`;
        if (ratio < (large ? 3 : 4.5)) faint.set(name, `${name} ${ratio.toFixed(2)}: ${text.data.trim().slice(0, 30)}`);
    }
    return [...faint.values()].join('; ');
})()";
