const KEPT = 120;
const SHOWN = 50;
const SVG = "http://www.w3.org/2000/svg";
const find = (id) => document.getElementById(id);

// Samples of the last two minutes, the oldest first.
let history = [];
let before = null;
let bytesBefore = new Map();
let wait = 500;

function count(value) {
  return Math.round(value).toLocaleString("en");
}

function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function time(seconds) {
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

// What peers and programs have named is text, and never becomes anything else.
function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The time that 99 % of what was recorded since `earlier` does not exceed; null if there was nothing.
function p99(now, earlier) {
  const grown = now.buckets.map(([end, total], index) => [end, total - (earlier ? earlier.buckets[index][1] : 0)]);
  const all = grown.reduce((sum, [, some]) => sum + some, 0);
  if (all === 0) return null;
  let passed = 0;
  for (const [end, some] of grown) {
    passed += some;
    if (some > 0 && passed >= all * 0.99) return end === null ? now.longest : Math.min(end, now.longest);
  }
  return now.longest;
}

function refused(by) {
  return Object.values(by).reduce((sum, some) => sum + some, 0);
}

function point(stats) {
  const seconds = before ? Math.max(stats.uptime - before.uptime, 0.001) : 1;
  const rate = (of) => (before ? Math.max(0, of(stats) - of(before)) / seconds : 0);
  return {
    at: stats.uptime,
    connections: stats.connections,
    received: rate((one) => one.received),
    sent: rate((one) => one.sent),
    callbacks: rate((one) => one.callbacks),
    lag: p99(stats.lag, before && before.lag),
    errors: rate((one) => one.broken + refused(one.refused)),
  };
}

// A step that a person reads easily, not below the largest value.
function top(largest) {
  if (!(largest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 5, 10].find((step) => step * power >= largest) * power;
}

function chart(id, lines, format) {
  const figure = find(id);
  let drawing = figure.querySelector("svg");
  if (!drawing) {
    drawing = shape("svg", { viewBox: `0 0 ${KEPT - 1} 100`, preserveAspectRatio: "none", role: "img" });
    figure.append(drawing, element("div", "", "scale"));
  }
  const end = top(Math.max(...lines.flatMap(([, of]) => history.map(of).map((value) => value ?? 0))));
  const drawn = [0, 50, 100].map((y) => shape("line", { class: "grid", x1: 0, x2: KEPT - 1, y1: y, y2: y }));
  for (const [name, of] of lines) {
    const points = history.map((one, index) => [KEPT - history.length + index, of(one)]);
    const path = points.filter(([, value]) => value !== null).map(([x, value]) => `${x},${100 - (value / end) * 100}`);
    drawn.push(shape("polyline", { class: name, points: path.join(" ") }));
  }
  drawing.replaceChildren(...drawn);
  drawing.setAttribute("aria-label", `${figure.textContent.trim()}, up to ${format(end)}`);
  figure.querySelector(".scale").replaceChildren(element("span", `0 to ${format(end)}`), element("span", "2 minutes"));
}

function row(cells) {
  const made = document.createElement("tr");
  for (const [text, className] of cells) made.append(element("td", text, className));
  return made;
}

function showCharts(now) {
  find("connections-now").textContent = count(now.connections);
  find("throughput-now").replaceChildren(
    element("span", `in ${bytes(now.received)}/s`, "first"),
    document.createTextNode(" "),
    element("span", `out ${bytes(now.sent)}/s`, "second"),
  );
  const lag = history.map((one) => one.lag).findLast((one) => one !== null);
  find("lag-now").textContent = lag === undefined ? "not measured yet" : `below ${time(lag)}`;
  find("errors-now").textContent = count(now.errors);
  chart("connections-chart", [["first", (one) => one.connections]], count);
  chart("throughput-chart", [["first", (one) => one.received], ["second", (one) => one.sent]], (value) => `${bytes(value)}/s`);
  chart("lag-chart", [["first", (one) => one.lag]], time);
  chart("errors-chart", [["first", (one) => one.errors]], (value) => (value < 1 ? value.toFixed(1) : count(value)));
}

function showPorts(ports) {
  find("ports").replaceChildren(...ports.map((port) => {
    const why = Object.entries(port.refused).filter(([, some]) => some > 0).map(([reason, some]) => `${count(some)} ${reason}`);
    return row([
      [port.address],
      [port.listening ? (port.paused ? "paused" : "listening") : "stopped", port.listening ? "" : "bad"],
      [count(port.connections), "number"],
      [count(port.accepted), "number"],
      [why.join(", ") || "0", why.length ? "bad" : ""],
    ]);
  }));
}

function showFacts(stats, now) {
  const states = Object.entries(stats.by_state).filter(([, some]) => some > 0).map(([state, some]) => `${count(some)} ${state}`);
  const facts = [
    ["States", states.join(", ") || "no connections"],
    ["Not by a port", count(stats.outgoing)],
    ["Ended", `${count(stats.ended)}, ${count(stats.broken)} of them broken`],
    ["Bytes", `${bytes(stats.received)} received, ${bytes(stats.sent)} sent`],
    ["Callbacks", `${count(now.callbacks)} a second, ${count(stats.callbacks)} in all`],
    ["Timers", `${count(stats.timers)} pending, ${count(stats.timers_called)} called`],
  ];
  if (stats.work) {
    facts.push(["Work of a pass", `99 % below ${time(stats.work.passes.p99)}, longest ${time(stats.work.passes.longest)}`]);
    if (stats.work.longest) facts.push(["Longest piece", `${time(stats.work.longest.time)}, ${stats.work.longest.work}`]);
  }
  for (const figure of stats.figures) {
    const label = figure.label ? Object.entries(figure.label).map(([key, value]) => ` ${key}=${value}`).join("") : "";
    facts.push([figure.name + label, count(figure.value)]);
  }
  find("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function showConnections(list, total, seconds) {
  const now = new Map(list.map((one) => [one.id, one.received + one.sent]));
  const speed = (one) => (bytesBefore.has(one.id) ? (now.get(one.id) - bytesBefore.get(one.id)) / seconds : 0);
  const busiest = list.map((one) => [speed(one), one]).sort(([one], [other]) => other - one).slice(0, SHOWN);
  const among = total > list.length ? `the busiest of ${count(list.length)}, of ${count(total)}` : "the busiest first";
  find("listed").textContent = among;
  find("connections").replaceChildren(...busiest.map(([fast, one]) => row([
    [String(one.id), "number"],
    [one.peer],
    [one.port ?? "made here"],
    [one.paused ? `${one.state}, paused` : one.state],
    [time(one.age)],
    [bytes(one.received), "number"],
    [bytes(one.sent), "number"],
    [bytes(fast), "number"],
  ])));
  bytesBefore = now;
}

function show({ stats, connections }) {
  if (before && stats.uptime < before.uptime) {
    // Another process answers now.
    history = [];
    before = null;
    bytesBefore = new Map();
  }
  const seconds = before ? Math.max(stats.uptime - before.uptime, 0.001) : 1;
  const now = point(stats);
  history = [...history, now].slice(-KEPT);
  find("uptime").textContent = `up ${time(stats.uptime)}`;
  showCharts(now);
  showPorts(stats.ports);
  showFacts(stats, now);
  showConnections(connections, stats.connections, seconds);
  before = stats;
}

function notice(text, isLost) {
  find("notice").textContent = text;
  find("notice").className = isLost ? "lost" : "";
}

function open() {
  const address = new URL("live", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.onmessage = ({ data }) => {
    wait = 500;
    notice("live", false);
    show(JSON.parse(data));
  };
  socket.onclose = () => {
    notice("disconnected, connecting again", true);
    setTimeout(open, wait);
    wait = Math.min(wait * 2, 10000);
  };
}

open();
