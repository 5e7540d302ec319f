// One visit, in the order in which reception needs it: who, what to do, insurance, consents, how confirmed, the file.

import { make } from "/shared/local.js";
import { birth, dayOf, time } from "./format.js";
import { nameOf, REMARKABLE, tone } from "./list.js";

/** Show a visit in `place`. */
export function showVisit(place, words, visit) {
  const parts = [who(words, visit), whatToDo(words, visit)];
  if (!visit.refusal) {
    parts.push(
      make("div", { className: "columns" },
        make("div", {}, ...insurances(words, visit)),
        make("div", {}, consents(words, visit), confirmed(words, visit), file(words, visit))),
    );
  } else parts.push(confirmed(words, visit));
  place.replaceChildren(...parts);
}

/** What stands in the visit's place while none is chosen. */
export function showNone(place, title, ...lines) {
  place.replaceChildren(
    make("div", { className: "empty" },
      make("h2", { textContent: title }),
      ...lines.map((line) => make("p", { textContent: line }))),
  );
}

function who(words, visit) {
  const { name, known } = nameOf(words, visit);
  const person = visit.standing?.person;
  const lines = [make("h2", { className: known ? "name" : "name unnamed", textContent: name })];
  if (person?.kana) lines.unshift(make("p", { className: "kana", textContent: person.kana }));
  if (person?.birth) lines.push(make("p", { className: "birth", textContent: birth(words, person.birth) }));
  return make("header", { className: "who" }, ...lines);
}

function whatToDo(words, visit) {
  const lines = [make("h3", { className: `mark ${tone(visit.todo)}`, textContent: words.say(`todo_${visit.todo}`) })];
  if (visit.refusal) {
    lines.push(make("p", { textContent: words.say(`ground_${visit.ground}`) }));
    lines.push(make("p", { className: "code", textContent: words.say("refusal_code", { code: visit.refusal }) }));
  } else {
    const validity = visit.todo === "check_insurance" ? `_${visit.standing?.validity ?? 4}` : "";
    lines.push(make("p", { textContent: words.say(`why_${visit.todo}${validity}`) }));
  }
  if (REMARKABLE.has(visit.certificate)) {
    lines.push(make("p", { textContent: words.say(`certificate_${visit.certificate}_now`) }));
  }
  return make("section", { className: `now ${tone(visit.todo)}` }, ...lines);
}

function insurances(words, visit) {
  const { standing } = visit;
  const general = [];
  if (standing) {
    general.push([words.say("validity"), words.say(`validity_${standing.validity}`)]);
    if (standing.registered !== null) general.push([words.say("registered"), words.say(`registered_${standing.registered}`)]);
  } else {
    general.push([words.say("validity"), words.say(`validity_${visit.inquiry}`)]);
  }
  const all = standing?.insurances ?? [];
  if (all.length < 2) return [section(words.say("insurance"), [...general, ...all.flatMap((one) => facts(words, one))])];
  return [
    section(words.say("insurance"), general),
    ...all.map((one, index) => section(words.say("insurance_of", { index: index + 1 }), facts(words, one))),
  ];
}

function facts(words, insurance) {
  const { insurer, insurer_number, symbol, number, branch, family, limit } = insurance;
  const rows = [
    [words.say("ratio"), ratio(words, insurance.ratio), "strong"],
    [words.say("insurer"), insurer],
    [words.say("insurer_number"), insurer_number, "digits"],
    [words.say("symbol_number"), [symbol, number].filter(Boolean).join("・"), "digits", branch && words.say("branch", { branch })],
    [words.say("family"), family === "1" || family === "2" ? words.say(`family_${family}`) : family],
    [words.say("limit"), limit],
    [words.say("since"), dayOf(words, insurance.since)],
    [words.say("until"), dayOf(words, insurance.until)],
    [words.say("lost"), dayOf(words, insurance.lost)],
  ];
  return rows.filter(([, value]) => value);
}

function ratio(words, text) {
  return /^0[1-9]0$/.test(text) ? words.say("ratio_tenths", { tenths: text[1] }) : text;
}

function consents(words, visit) {
  if (!visit.answers) return section(words.say("consents"), [], words.say("consents_asking"));
  const until = words.say("agreed_until", { time: time(words, visit.ends_at) });
  const rows = visit.answers.map(({ key, agreed }) => [
    words.say(`consent_${key}`),
    words.say(agreed ? "agreed" : "not_agreed"),
    agreed ? "mark good" : "no",
    agreed ? until : "",
  ]);
  return section(words.say("consents"), rows, rows.length ? "" : words.say("consents_none"));
}

function confirmed(words, visit) {
  const rows = [];
  if (visit.method) rows.push([words.say("how"), words.say(`by_${visit.method}`)]);
  if (!visit.refusal) rows.push([words.say("when"), time(words, visit.visited_at)]);
  if (visit.refusal || visit.arrived_at - visit.visited_at > 60) rows.push([words.say("arrived"), time(words, visit.arrived_at)]);
  if (visit.reader) rows.push([words.say("reader"), visit.reader, "digits"]);
  if (visit.certificate) {
    const sure = visit.certificate === "good" ? "" : "doubt";
    rows.push([words.say("certificate"), words.say(`certificate_${visit.certificate}`), sure]);
  }
  return section(words.say(visit.refusal ? "record" : "confirmed"), rows);
}

function file(words, visit) {
  const { file } = visit;
  const written = file && file.written_at !== null;
  const state = written ? (file.taken ? "taken" : "there") : visit.file_failed ? "failed" : "waiting";
  const at = written ? time(words, file.written_at) : "";
  const rows = [[words.say("file_state"), words.say(`file_${state}`, { time: at }), state === "failed" ? "doubt" : ""]];
  return section(words.say("file"), rows, written ? file.name : "");
}

/** A heading with rows of [term, value, class, small print]. */
function section(title, rows, note = "") {
  const list = make("dl", {});
  for (const [term, value, kind = "", small = ""] of rows) {
    const said = make("dd", { className: kind }, make("span", { textContent: value }));
    if (small) said.append(make("small", { textContent: small }));
    list.append(make("dt", { textContent: term }), said);
  }
  const parts = [make("h3", { textContent: title })];
  if (rows.length) parts.push(list);
  if (note) parts.push(make("p", { className: "hint", textContent: note }));
  return make("section", {}, ...parts);
}
