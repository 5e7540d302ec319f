// What stands before the camera, and everything that can be broken: built once, then kept in step with the state.

import { make } from "/shared/local.js";

const SIGHTS = ["patient", "other", "both", "nobody"];

/** Build both parts of the page; what comes back shows a state, in the language of the moment. */
export function buildWorld(sights, faults, words, say, pick) {
  const shows = [
    ...SIGHTS.map((sight) => choice(sights, words, `sight_${sight}`, sight, () => say({ do: "look", at: sight }))),
    choice(sights, words, "sight_file", "picture", pick.file),
    choice(sights, words, "sight_webcam", "stream", pick.webcam),
    toggle(faults, words, say, "light", "dim", (state) => (state.dark ? "off" : "on"), false),
    toggle(faults, words, say, "cable", "plug", (state) => (state.plugged ? "on" : "off"), true),
    toggle(faults, words, say, "power", "reader", (state) => state.reader, true),
    toggle(faults, words, say, "bridge", "bridge", (state) => state.bridge, true),
    eye(faults, words, say),
    once(faults, words, "noise", () => say({ do: "noise" }), () => null),
    once(faults, words, "slip", () => say({ do: "slip" }), (state) => (state.slipping ? "slip_waits" : null)),
  ];
  return (state) => shows.forEach((show) => show(state));
}

function choice(place, words, word, sight, act) {
  const button = press(word, act);
  button.dataset.sight = sight;
  place.append(button);
  return (state) => {
    button.textContent = words.say(word);
    button.setAttribute("aria-pressed", String(state.sight === sight));
  };
}

/** One thing that is on or off; `order` takes the value `onMeans` to switch it on. */
function toggle(place, words, say, name, order, condition, onMeans) {
  const row = new Row(place, words, name);
  const off = row.button(`${name}_do_off`, () => say({ do: order, on: !onMeans }));
  const on = row.button(`${name}_do_on`, () => say({ do: order, on: onMeans }));
  return (state) => {
    const now = condition(state);
    row.show(`${name}_${now}`, now !== "on");
    off.hidden = now === "off";
    on.hidden = now !== "off";
  };
}

function eye(place, words, say) {
  const row = new Row(place, words, "eye");
  const freeze = row.button("eye_do_stall", () => say({ do: "look", at: "stalled" }));
  const unplug = row.button("eye_do_off", () => say({ do: "look", at: "unplugged" }));
  const mend = row.button("eye_do_on", () => say({ do: "connect" }));
  return ({ sight }) => {
    const broken = sight === "unplugged" || sight === "stalled";
    row.show({ unplugged: "eye_off", stalled: "eye_stalled" }[sight] ?? "eye_on", broken);
    freeze.hidden = unplug.hidden = broken;
    mend.hidden = !broken;
  };
}

/** Something that is done, not switched; `condition` is what it has led to. */
function once(place, words, name, act, condition) {
  const row = new Row(place, words, name);
  row.button(`${name}_do`, act);
  return (state) => row.show(condition(state), true);
}

/** What it is, how it is, and the buttons that change it. */
class Row {
  constructor(place, words, name) {
    this.words = words;
    this.name = name;
    this.label = make("span");
    this.now = make("span");
    this.buttons = make("span", { className: "buttons" });
    place.append(make("span", {}, this.label, " ", this.now), this.buttons);
  }

  button(word, act) {
    const button = press(word, act);
    this.buttons.append(button);
    return button;
  }

  show(now, broken) {
    this.label.textContent = this.words.say(this.name);
    this.now.textContent = now === null ? "" : this.words.say(now);
    this.now.className = broken ? "out" : "hint";
    for (const button of this.buttons.children) button.textContent = this.words.say(button.dataset.act);
  }
}

function press(word, act) {
  const button = make("button", { className: "quiet", type: "button", "data-act": word });
  button.addEventListener("click", act);
  return button;
}
