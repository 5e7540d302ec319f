// What every page of this machine shares: its token, its words in two languages, its line to the server.

const KEY = "token";

const SILENCE_MS = 20000; // a server that sends nothing for so long, not even a heartbeat, is gone

addEventListener("hashchange", () => location.reload()); // a printed address pasted over this page

let token = "";

/** Find the token that the server takes: that of the printed address, which is then kept by this browser and taken out
 * of the address bar, or the one kept from before. Any page may lead here with a token of its own: a wrong one is
 * forgotten, and the good one stays. False where the server takes none; throws where it does not answer. */
export async function admitted() {
  const given = location.hash.slice(1);
  for (const candidate of new Set([given, localStorage.getItem(KEY) ?? ""])) {
    if (!candidate) continue;
    token = candidate;
    if ((await ask("/api/hello")).ok) {
      localStorage.setItem(KEY, token);
      if (given) history.replaceState(null, "", location.pathname);
      return true;
    }
  }
  return false;
}

/** fetch() with the token. */
export function ask(path, options = {}) {
  return fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
}

/** POST of a JSON value, with the token. */
export function tell(path, value) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
}

/** A websocket that shows the token. */
export function line(path) {
  const socket = new WebSocket(`ws://${location.host}${path}`, ["kiosk", token]);
  socket.binaryType = "arraybuffer";
  return socket;
}

/** Server-sent events (HTML Living Standard, 9.2), read by fetch() because EventSource cannot show a token. */
export async function* events(path) {
  const silent = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  try {
    heard();
    const answer = await ask(path, { signal: silent.signal });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split("\n").filter((row) => row.startsWith("data:")).map((row) => row.slice(5)).join("\n");
        if (data) yield JSON.parse(data);
      }
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

/** The words of a page: {ja: {key: phrase}, en: {...}}; {name} in a phrase is filled in. */
export class Words {
  constructor(catalogue) {
    this.catalogue = catalogue;
    const kept = localStorage.getItem("language");
    this.language = kept in catalogue ? kept : navigator.language.startsWith("ja") ? "ja" : "en";
  }

  say(key, values = {}) {
    const phrase = this.catalogue[this.language][key] ?? key;
    return phrase.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }

  /** Write every element that names its phrase: data-word is its text, data-word-label its name. */
  write(root = document) {
    document.documentElement.lang = this.language;
    for (const element of root.querySelectorAll("[data-word]")) element.textContent = this.say(element.dataset.word);
    for (const element of root.querySelectorAll("[data-word-label]")) {
      element.setAttribute("aria-label", this.say(element.dataset.wordLabel));
    }
  }

  /** The button that changes the language; `changed` is called after each change. */
  serve(button, changed) {
    const show = () => {
      button.textContent = this.language === "ja" ? "English" : "日本語";
      button.lang = this.language === "ja" ? "en" : "ja";
      this.write();
      changed();
    };
    button.addEventListener("click", () => {
      this.language = this.language === "ja" ? "en" : "ja";
      localStorage.setItem("language", this.language);
      show();
    });
    show();
  }
}

/** An element: its tag, what is set on it, its children (elements or text). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("data-") || name.startsWith("aria-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
