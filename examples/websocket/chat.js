"use strict";

const find = (id) => document.getElementById(id);
const here = new Set();
const address = new URL("chat", location.href);
address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(address);

// What others have written is text, and never becomes anything else.
function add(list, text, who) {
  const item = document.createElement("li");
  if (who === undefined) {
    item.className = "event";
  } else {
    item.append(Object.assign(document.createElement("b"), { textContent: who }));
  }
  item.append(text);
  list.append(item);
  item.scrollIntoView({ block: "end" });
}

function showWhoIsHere() {
  find("here").replaceChildren();
  for (const who of [...here].sort()) {
    add(find("here"), who);
  }
}

const hear = {
  here({ names }) {
    names.forEach((who) => here.add(who));
    showWhoIsHere();
    find("enter").hidden = true;
    find("say").hidden = false;
    find("text").focus();
    find("notice").textContent = "connected";
  },
  came({ who }) {
    here.add(who);
    showWhoIsHere();
    add(find("said"), `${who} has come`);
  },
  left({ who }) {
    here.delete(who);
    showWhoIsHere();
    add(find("said"), `${who} has left`);
  },
  said({ who, text }) {
    add(find("said"), text, who);
  },
  refused({ why }) {
    find("notice").textContent = why;
  },
};

function sendAndEmpty(form, input) {
  find(form).addEventListener("submit", (event) => {
    event.preventDefault();
    socket.send(find(input).value);
    if (form === "say") {
      find(input).value = "";
    }
  });
}

socket.addEventListener("open", () => { find("notice").textContent = "who are you?"; });
socket.addEventListener("message", ({ data }) => {
  const { kind, ...rest } = JSON.parse(data);
  hear[kind]?.(rest);
});
socket.addEventListener("close", ({ code, reason }) => {
  find("notice").textContent = `disconnected: ${reason || code}`;
  find("say").hidden = true;
  find("enter").hidden = true;
});
sendAndEmpty("enter", "name");
sendAndEmpty("say", "text");
