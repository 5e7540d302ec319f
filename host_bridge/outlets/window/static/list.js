// The list of visits: newest on top, three facts a row, moved through by arrow keys or a click.

import { make } from "/shared/local.js";
import { time } from "./format.js";

const SURE = new Set(["receive"]);
const IDLE = new Set(["wait", "look_at_receipt_computer"]);
/** States of a card's certificate that the reception is told of beside the visit. */
export const REMARKABLE = new Set(["ending", "ended", "unknown"]);

/** How a row and a visit stand out: "good", "idle" or "care". */
export function tone(todo) {
  return SURE.has(todo) ? "good" : IDLE.has(todo) ? "idle" : "care";
}

/** Whom a visit is about, and whether that is a person's name. */
export function nameOf(words, visit) {
  if (visit.refusal) return { name: words.say("name_refused"), known: false };
  const name = visit.standing?.person?.name;
  if (name) return { name, known: true };
  const asking = visit.inquiry === "asking" || visit.inquiry === "unavailable";
  return { name: words.say(visit.inquiry === "away" ? "name_away" : asking ? "name_asking" : "name_unknown"), known: false };
}

export class VisitList {
  /** `chosen` is called with the id of a visit. */
  constructor(element, words, chosen) {
    this.element = element;
    this.words = words;
    this.chosen = chosen;
    this.rows = new Map();
    this.fresh = new Set();
    this.selected = null;
    document.addEventListener("keydown", (event) => {
      if (event.target === element || event.target === document.body) this.moved(event);
    });
    element.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.select(row.dataset.visit);
    });
  }

  /** Put a visit where it belongs; `live` means that it has just arrived. */
  put(visit, live) {
    const row = this.rows.get(visit.id);
    if (row) return this.write(row, visit);
    const added = make("li", { role: "option", id: `visit-${visit.id}`, "data-visit": visit.id, "aria-selected": "false" });
    this.write(added, visit);
    this.rows.set(visit.id, added);
    if (live) {
      this.fresh.add(visit.id);
      added.classList.add("arriving", "fresh");
      added.addEventListener("animationend", () => added.classList.remove("arriving"));
    }
    this.element.prepend(added);
  }

  drop(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
    this.fresh.delete(id);
    if (this.selected === id) this.select(null);
  }

  select(id) {
    const old = this.rows.get(this.selected);
    if (old) old.setAttribute("aria-selected", "false");
    this.selected = id;
    const row = this.rows.get(id);
    if (row) {
      row.setAttribute("aria-selected", "true");
      row.classList.remove("fresh");
      row.scrollIntoView({ block: "nearest" });
      this.fresh.delete(id);
      this.element.setAttribute("aria-activedescendant", row.id);
    } else this.element.removeAttribute("aria-activedescendant");
    this.chosen(id);
  }

  moved(event) {
    const rows = [...this.element.children];
    const at = rows.indexOf(this.rows.get(this.selected));
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(to, rows.length - 1))];
    if (!row) return;
    this.element.focus();
    this.select(row.dataset.visit);
  }

  write(row, visit) {
    const { name, known } = nameOf(this.words, visit);
    const how = [this.words.say(`by_${visit.method ?? "none"}`)];
    if (REMARKABLE.has(visit.certificate)) how.push(this.words.say(`certificate_${visit.certificate}_short`));
    row.replaceChildren(
      make("span", { className: known ? "name" : "name unnamed", textContent: name, title: name }),
      make("time", { textContent: time(this.words, visit.visited_at) }),
      make("div", { className: "below" },
        make("span", { className: `todo mark ${tone(visit.todo)}`, textContent: this.words.say(`todo_${visit.todo}`) }),
        make("span", { className: "how", textContent: visit.refusal ? "" : how.join(this.words.say("separator")) })),
    );
  }
}
