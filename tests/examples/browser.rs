//! A real browser, without a window, driven by the DevTools protocol.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use async_tungstenite::tungstenite::{self, Message, WebSocket};
use serde_json::{Value, json};

use crate::program::PATIENCE;
use crate::steady::Steady;

/// It ends when this is dropped.
pub(crate) struct Browser {
    process: Child,
    profile: PathBuf,
    socket: WebSocket<Steady>,
    calls: u64,
    complaints: Vec<String>,
}

/// A page that is open.
pub(crate) struct Page {
    target: String,
    session: String,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        // A second browser with the same profile hands its work to the first one, and ends.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retwist-browser-{}-{count}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let mut process = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let errors = BufReader::new(process.stderr.take().expect("it is piped"));
        let (sender, found) = channel();
        // Everything that the browser prints is read, so that it never blocks on its output.
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("DevTools listening on ") {
                    let _ = sender.send(url.trim().to_owned());
                }
            }
        });
        let Ok(url) = found.recv_timeout(PATIENCE) else {
            let _ = process.kill();
            panic!("the browser does not say where it can be told what to do");
        };
        let address = url.trim_start_matches("ws://");
        let address = address.split('/').next().expect("an address");
        let stream = TcpStream::connect(address).expect("the browser listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time limit");
        let (socket, _) = tungstenite::client(&url, Steady(stream)).expect("the browser talks");
        Browser {
            process,
            profile,
            socket,
            calls: 0,
            complaints: Vec::new(),
        }
    }

    /// Calls a method of the protocol, on a page or on the browser itself.
    fn call(&mut self, page: Option<&Page>, method: &str, parameters: Value) -> Value {
        self.try_call(page, method, parameters)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(
        &mut self,
        page: Option<&Page>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, Value> {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(page) = page {
            call["sessionId"] = json!(page.session);
        }
        self.socket
            .send(Message::text(call.to_string()))
            .expect("the browser listens");
        loop {
            let Message::Text(text) = self.socket.read().expect("an answer of the browser") else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.calls {
                return match answer["error"].take() {
                    Value::Null => Ok(answer["result"].take()),
                    error => Err(error),
                };
            }
            let method = answer["method"].as_str().unwrap_or_default();
            let is_error = |level: &Value| level == "error" || level == "assert";
            let told = &answer["params"];
            if method == "Runtime.exceptionThrown"
                || method == "Log.entryAdded" && is_error(&told["entry"]["level"])
                || method == "Runtime.consoleAPICalled" && is_error(&told["type"])
            {
                self.complaints.push(text.to_string());
            }
        }
    }

    pub(crate) fn open(&mut self, url: &str) -> Page {
        let made = self.call(None, "Target.createTarget", json!({ "url": url }));
        let target = made["targetId"].as_str().expect("a page").to_owned();
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", attach);
        let session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        Page { target, session }
    }

    /// A page as wide as that, for a user who prefers `light` or `dark`. Its complaints are kept from
    /// its beginning on.
    pub(crate) fn open_watched(&mut self, url: &str, width: u32, scheme: &str) -> Page {
        let mut page = self.open("about:blank");
        self.call(Some(&page), "Runtime.enable", json!({}));
        self.call(Some(&page), "Log.enable", json!({}));
        let size =
            json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.call(Some(&page), "Emulation.setDeviceMetricsOverride", size);
        self.prefer(&mut page, scheme);
        self.call(Some(&page), "Page.navigate", json!({ "url": url }));
        let loaded = format!(
            "location.href === {} && document.readyState === 'complete'",
            json!(url)
        );
        while self.evaluate(&mut page, &loaded) != true {}
        page
    }

    /// What pages have complained about since this was called last: errors on the console, exceptions,
    /// files that are missing.
    pub(crate) fn take_complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    pub(crate) fn close(&mut self, page: Page) {
        self.call(
            None,
            "Target.closeTarget",
            json!({ "targetId": page.target }),
        );
    }

    /// The value of an expression in the page, of a promise once it is kept.
    pub(crate) fn evaluate(&mut self, page: &mut Page, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = loop {
            match self.try_call(Some(page), "Runtime.evaluate", parameters.clone()) {
                Ok(answer) => break answer,
                // A page that is opened is an empty one at first.
                Err(error) if error.to_string().contains("context was destroyed") => {}
                Err(error) => panic!("{expression}: {error}"),
            }
        };
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// Has the page see that its user prefers `light` or `dark`.
    pub(crate) fn prefer(&mut self, page: &mut Page, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            Some(page),
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
    }

    /// Writes what the page looks like into a file, as PNG.
    pub(crate) fn screenshot(&mut self, page: &mut Page, file: &Path) {
        let size =
            json!({ "width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.call(Some(page), "Emulation.setDeviceMetricsOverride", size);
        self.capture(page, json!({}), file);
    }

    /// Writes what the page looks like from its beginning to its end, at the width that it has.
    pub(crate) fn whole_screenshot(&mut self, page: &mut Page, file: &Path) {
        let sizes = self.call(Some(page), "Page.getLayoutMetrics", json!({}));
        let size = &sizes["cssContentSize"];
        // A picture has no more lines than that.
        let height = size["height"].as_f64().unwrap_or_default().min(16_000.0);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let whole = json!({ "captureBeyondViewport": true, "clip": clip });
        self.capture(page, whole, file);
    }

    fn capture(&mut self, page: &mut Page, parameters: Value, file: &Path) {
        let shot = self.call(Some(page), "Page.captureScreenshot", parameters);
        let shot = shot["data"].as_str().expect("a picture in base64");
        let mut decoder = Command::new("base64")
            .arg("-d")
            .stdin(Stdio::piped())
            .stdout(File::create(file).expect("a file for the picture"))
            .spawn()
            .expect("base64 is there");
        let input = decoder.stdin.take().expect("it is piped");
        { input }.write_all(shot.as_bytes()).expect("it reads");
        assert!(decoder.wait().expect("it ends").success());
    }

    /// Waits until an element has this text in it.
    pub(crate) fn wait_for_text(&mut self, page: &mut Page, selector: &str, text: &str) {
        // The element may still be on its way.
        let wait = format!(
            "new Promise((found) => {{
                const look = () => {{
                    const element = document.querySelector({});
                    return element && element.textContent.includes({}) && (found(true), true);
                }};
                const changes = {{ subtree: true, childList: true, characterData: true }};
                look() || new MutationObserver(look).observe(document, changes);
            }})",
            json!(selector),
            json!(text)
        );
        assert_eq!(self.evaluate(page, &wait), true, "{text}");
    }

    /// Fills in the only field of a form and sends it off.
    pub(crate) fn submit(&mut self, page: &mut Page, form: &str, field: &str, value: &str) {
        let submit = format!(
            "document.getElementById({}).value = {}, document.getElementById({}).requestSubmit(), true",
            json!(field),
            json!(value),
            json!(form)
        );
        assert_eq!(self.evaluate(page, &submit), true);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
