// The window: one stream from the bridge, and what it says written where it belongs.

import { Words, admitted, events, make, tell } from "/shared/local.js";
import { time } from "./format.js";
import { VisitList } from "./list.js";
import { showNone, showVisit } from "./visit.js";
import { WORDS } from "./words.js";

const RETRY_MS = 1000;
const PATIENCE_MS = 2000; // a connection that comes back sooner is nobody's business
const at = (id) => document.getElementById(id);

const words = new Words(WORDS);
const visits = new Map();
const list = new VisitList(at("list"), words, chosen);
let shown; // id of the visit at the right
let state = { link: null, present: null, calls: [], troubles: {} };
let gone = null; // since when the bridge does not answer, in seconds
let met = false;
let later = 0;

function follow(change) {
  if (change.snapshot) {
    const { visits: all, ...rest } = change.snapshot;
    state = rest;
    const ids = new Set(all.map((visit) => visit.id));
    for (const id of [...visits.keys()]) if (!ids.has(id)) forget(id);
    for (const visit of all) remember(visit, met);
    met = true;
    gone = null;
  } else if (change.visit) remember(change.visit, true);
  else if (change.gone) forget(change.gone);
  else if ("demo" in change) at("demo").hidden = !change.demo;
  else Object.assign(state, change);
  write();
}

function remember(visit, live) {
  visits.set(visit.id, visit);
  list.put(visit, live);
  if (visit.id === list.selected) writeVisit();
}

function forget(id) {
  visits.delete(id);
  list.drop(id);
}

function write() {
  writeCount();
  at("none").hidden = visits.size > 0;
  at("list").hidden = visits.size === 0;
  writeLink();
  writeNotices();
  writeCalls();
  if (!list.selected) writeVisit();
}

function writeCount() {
  const fresh = list.fresh.size;
  at("count").textContent = words.say(fresh ? "count_new" : "count", { count: visits.size, fresh });
  document.title = `${state.calls.length ? "! " : ""}${fresh ? `(${fresh}) ` : ""}${words.say("title")}`;
}

function chosen() {
  writeCount();
  writeVisit();
}

function writeLink() {
  const { link, present } = state;
  const up = link?.state === "up";
  at("link").hidden = !link || gone !== null;
  const named = words.say(up ? "link_up" : link?.state === "waiting" ? "link_waiting" : "link_lost", link ?? {});
  at("link").className = `state ${up ? "good" : link?.state === "waiting" ? "idle" : "care"}`;
  if (link) {
    at("link").title = link.reason; // for a technician
    const since = up ? [words.say("link_up_since", { time: time(words, link.since) })] : [];
    fill("link", [named, ...since], (said, index) => make(index ? "small" : "b", { textContent: said }));
  }
  at("present").hidden = !present || gone !== null;
  const sent = ["expired", "revoked"].includes(present?.certificate) ? [words.say(`present_${present.certificate}`)] : [];
  fill("present", [words.say("present"), ...sent], (said, index) => make(index ? "small" : "span", { textContent: said }));
}

function writeNotices() {
  const since = Object.entries(state.troubles);
  const lost = state.link && !["up", "waiting"].includes(state.link.state);
  if (lost) since.unshift([state.link.state, state.link.since]);
  if (gone !== null) since.splice(0, since.length, ["gone", gone]);
  const due = since.filter(([, from]) => Date.now() - from * 1000 >= PATIENCE_MS);
  clearTimeout(later);
  if (due.length < since.length) later = setTimeout(writeNotices, PATIENCE_MS);
  fill("notices", due.map(([name, from]) => words.say(`notice_${name}`, { time: time(words, from) })), (said) =>
    make("p", { textContent: said }));
}

function writeCalls() {
  const said = state.calls.map((call) => ({ call, where: words.say("call_where", { ...call, time: time(words, call.since) }) }));
  fill("alerts", said.map(({ where }) => where), (where, index) => {
    const button = make("button", { textContent: words.say("call_dismiss") });
    button.addEventListener("click", () => dismiss(button, said[index].call.id));
    return make("div", {}, make("b", { textContent: words.say("call") }), make("span", { textContent: where }), button);
  });
}

/** Write lines into an element that a screen reader speaks, only when they change. */
function fill(id, lines, build) {
  const said = JSON.stringify([words.language, lines]);
  if (at(id).dataset.said === said) return;
  at(id).dataset.said = said;
  at(id).replaceChildren(...lines.map(build));
}

async function dismiss(button, call) {
  button.disabled = true;
  try {
    button.disabled = (await tell("/api/calls/dismiss", { call })).ok;
  } catch {
    button.disabled = false;
  }
}

function writeVisit() {
  const visit = visits.get(list.selected);
  if (visit?.id !== shown) at("visit").scrollTop = 0;
  shown = visit?.id;
  if (visit) showVisit(at("visit"), words, visit);
  else if (visits.size) showNone(at("visit"), words.say("choose"), words.say("choose_how"));
  else {
    const lost = gone !== null || !["up", "waiting"].includes(state.link?.state);
    showNone(at("visit"), words.say("empty"), words.say("empty_how"), ...(lost ? [words.say("empty_link")] : []));
  }
}

async function listen() {
  for (;;) {
    try {
      const known = await admitted();
      at("work").hidden = !known;
      at("refused").hidden = known;
      if (!known) return;
      for await (const change of events("/api/events")) follow(change);
    } catch {
      // it does not answer: said below
    }
    gone ??= Date.now() / 1000;
    write();
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

words.serve(at("language"), () => {
  for (const visit of visits.values()) list.put(visit, false);
  write();
  writeVisit();
});
setInterval(() => { // "yesterday" comes at midnight
  for (const visit of visits.values()) list.put(visit, false);
}, 60000);
listen();
