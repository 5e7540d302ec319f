// The virtual reader's page: one line to the server, and what a visitor sees and does with it.

import { Words, admitted, line, make } from "/shared/local.js";
import { Events } from "/static/events.js";
import { Panel, drawKeypad, followKeyboard } from "/static/panel.js";
import { Stream } from "/static/stream.js";
import { WORDS } from "/static/words.js";
import { buildWorld } from "/static/world.js";

const STREAM = 1;
const PICTURE = 2;
const PHOTO = 3;
const FILE_CAP = 16 << 20;
const RETRY_MS = 1000;

const part = (id) => document.getElementById(id);
const words = new Words(WORDS);
let socket = null;
let cards = [];
let chosen = "adult";
let state = null;
let screen = "";
let reached = false;
let strange = false; // the server does not know this browser's token

const say = (order) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(order));
};
const send = async (kind, content) => {
  const bytes = new Uint8Array(await content.arrayBuffer());
  const message = new Uint8Array(bytes.length + 1);
  message[0] = kind;
  message.set(bytes, 1);
  if (socket?.readyState === WebSocket.OPEN) socket.send(message);
};

const panel = new Panel(part("screen"), part("held"), say);
const stream = new Stream(part("video"), {
  began: () => say({ do: "look", at: "stream" }),
  send: (jpeg) => send(STREAM, jpeg),
  backlog: () => socket?.bufferedAmount ?? 0,
  lost: () => say({ do: "look", at: "unplugged" }),
});
const events = new Events(part("events"), words);
let fileFor = PICTURE;
const showWorld = buildWorld(part("sights"), part("faults"), words, say, { file: () => pickFile(PICTURE), webcam: showWebcam });

async function connect() {
  try {
    strange = !(await admitted());
  } catch {
    strange = false; // nobody answers
    setTimeout(connect, RETRY_MS);
    return;
  }
  show();
  if (strange) return;
  socket = line("/reader");
  socket.addEventListener("message", ({ data }) => (typeof data === "string" ? hear(JSON.parse(data)) : panel.draw(data)));
  socket.addEventListener("close", () => {
    reached = false;
    stream.stop();
    panel.forget();
    show();
    setTimeout(connect, RETRY_MS);
  });
}

function hear(message) {
  reached = true;
  if ("cards" in message) cards = message.cards;
  if ("size" in message) panel.resize(message.size);
  if ("portraits" in message) part("portraits").hidden = !message.portraits;
  if ("window" in message) {
    part("window").href = message.window;
    part("window").hidden = !message.window;
  }
  if ("state" in message) {
    if (state?.sight === "stream" && message.state.sight !== "stream") stream.stop();
    state = message.state;
  }
  if ("notice" in message) notice(message.notice);
  if (message.finger) panel.rejected(message.finger);
  if ("screen" in message) {
    screen = part("screen").dataset.screen = message.screen;
    showHint();
  } else if ("event" in message) {
    events.add(message.event);
  } else {
    show();
  }
}

function notice(reason) {
  const place = part("notice");
  place.textContent = words.say(`notice_${reason}`);
  place.hidden = false;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => (place.hidden = true), 5000);
}

/** Everything, after a change of the state or of the language. */
function show() {
  if (state !== null) {
    showCards();
    showTray();
    showWorld(state);
  }
  showVeil();
  events.show();
  showHint();
}

function showHint() {
  const now = hint();
  part("hint").hidden = now === "";
  if (part("hint").textContent !== now) part("hint").textContent = now; // it is read aloud when it is set
}

function hint() {
  if (state === null || !reached) return "";
  if (state.broken) return words.say("hint_broken");
  if (state.reader === "off") return words.say("hint_off");
  if (state.reader === "starting") return words.say("hint_wait");
  if (screen === "terminal_away") return words.say("hint_away");
  if (state.card === null) return words.say("hint_start");
  if (screen === "look_at_camera" && ["unplugged", "stalled"].includes(state.sight)) return words.say("hint_camera_broken");
  const pin = cards.find((card) => card.persona === state.card)?.pin;
  const keys = {
    choose_method: "hint_method",
    look_at_camera: "hint_camera",
    enter_pin: "hint_pin",
    done: "hint_take",
    reading_card: "hint_wait",
    checking: "hint_wait",
    place_card: "hint_wait",
    card_forgotten: "hint_take_card",
    card_lifted: "hint_take_card",
    card_problem: "hint_take_card",
    turn_card: "hint_turn",
    cannot_check: "hint_take_card",
  };
  return words.say(keys[screen] ?? "hint_touch", { pin });
}

function face(card) {
  const picture = make("span", { className: "face" });
  if (card.photo) picture.style.backgroundImage = `url("${card.photo}")`;
  return picture;
}

function cardButton(card) {
  const lines = [...(card.pin ? [words.say("card_pin", card)] : []), words.say(`note_${card.persona}`)];
  const text = make("span", {}, make("b", { textContent: card.name }));
  text.append(...lines.map((textContent) => make("span", { textContent })));
  const button = make("button", { className: "card", type: "button", "data-persona": card.persona }, face(card), text);
  button.setAttribute("aria-pressed", String(card.persona === chosen));
  button.addEventListener("click", () => {
    chosen = card.persona;
    show();
  });
  return button;
}

function showCards() {
  const focused = document.activeElement?.dataset?.persona;
  const groups = [...new Set(cards.map((card) => card.group))];
  part("cards").replaceChildren(
    ...groups.flatMap((group) => [
      make("h3", { textContent: words.say(`group_${group}`) }),
      ...cards.filter((card) => card.group === group).map(cardButton),
    ]),
  );
  if (focused) part("cards").querySelector(`[data-persona="${focused}"]`)?.focus();
  part("own").hidden = chosen !== "your_card";
}

function showTray() {
  const card = cards.find((one) => one.persona === state.card);
  part("place").hidden = card !== undefined;
  part("lift").hidden = card === undefined;
  part("unlock").disabled = state.card === chosen;
  part("turn").setAttribute("aria-pressed", String(state.turned));
  if (card === undefined) {
    part("tray").replaceChildren(make("p", { className: "hint", textContent: words.say("tray_empty") }));
  } else if (state.turned) {
    part("tray").replaceChildren(make("div", { className: "lying turned", innerText: words.say("card_back") }));
  } else {
    const text = make("div", {}, make("b", { textContent: card.name }), card.birth.replaceAll("-", "."));
    part("tray").replaceChildren(make("div", { className: "lying" }, face(card), text));
  }
}

function showVeil() {
  const why = strange ? "veil_strange" : !reached ? "veil_lost" : state?.reader === "off" ? "veil_off" : state?.reader === "starting" ? "veil_starting" : null;
  part("veil").hidden = why === null;
  part("veil").classList.toggle("busy", why === "veil_starting");
  part("veil").firstElementChild.textContent = why === null ? "" : words.say(why);
}

function pickFile(purpose) {
  fileFor = purpose;
  part("file").accept = purpose === PHOTO ? "image/*" : "image/*,video/*";
  part("file").value = "";
  part("file").click();
}

async function showWebcam() {
  try {
    await stream.playWebcam();
  } catch {
    notice("no_webcam");
  }
}

async function fileChosen() {
  const [file] = part("file").files;
  if (!file) return;
  if (file.type.startsWith("video/")) {
    try {
      await stream.playFile(file);
    } catch {
      notice("no_clip");
    }
  } else if (file.size >= FILE_CAP) {
    notice("file_too_large");
  } else {
    if (fileFor === PHOTO) notice("card_making");
    await send(fileFor, file);
  }
}

async function photoByWebcam() {
  try {
    if (!stream.webcam) await stream.playWebcam();
    notice("card_making");
    await send(PHOTO, await stream.picture());
  } catch {
    notice("no_webcam");
  }
}

part("place").addEventListener("click", () => say({ do: "place", card: chosen }));
part("unlock").addEventListener("click", () => say({ do: "unlock", card: chosen }));
for (const order of ["lift", "turn"]) part(order).addEventListener("click", () => say({ do: order }));
part("photo_file").addEventListener("click", () => pickFile(PHOTO));
part("photo_webcam").addEventListener("click", photoByWebcam);
part("file").addEventListener("change", fileChosen);
followKeyboard(part("screen"), say);
document.addEventListener("mousedown", (event) => {
  // A button that was clicked does not take the keyboard away from the keypad; Tab still reaches it.
  if (event.target.closest("button")) event.preventDefault();
});
words.serve(part("language"), () => {
  drawKeypad(part("keypad"), words, say);
  show();
});
connect();
