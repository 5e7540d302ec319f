// What both programs have just told, in a visitor's words.

import { make } from "/shared/local.js";
import { WORDS } from "/static/words.js";

const SHOWN = 6;

/** The strip under the reader: the newest event first. */
export class Events {
  constructor(list, words) {
    this.list = list;
    this.words = words;
    this.told = [];
  }

  add(event) {
    const told = phraseOf(event);
    if (told === null) return;
    this.told = [told, ...this.told].slice(0, SHOWN);
    this.show();
  }

  show() {
    this.list.replaceChildren(
      ...this.told.map(({ key, values, at }) => {
        const { words } = this;
        const named = { ...values, method: words.say(`method_${values.method}`) };
        named.ending = words.say(values.acknowledged ? "ending_stored" : "ending_open");
        named.refused = this.reason(values.refused ?? "");
        const who = make("b", { textContent: words.say(`program_${values.program}`) });
        const text = ` ${at.toLocaleTimeString("ja-JP", { timeZone: "Asia/Tokyo" })} ${words.say(key, named)}`;
        return make("li", { title: words.say(key, named) }, who, text);
      }),
    );
  }

  /** A reason in words, with what a technician wants to know behind it. */
  reason(refused) {
    const [kind, detail] = refused.split(": ");
    const word = this.words.say(`reason_${kind}`);
    return detail ? `${word}: ${detail}` : word;
  }
}

/** The phrase of an event, as a key and its values; null for one that tells a visitor nothing. */
function phraseOf(event) {
  let key = `event_${event.event}`;
  const values = { ...event };
  if (event.event === "visit_ended") {
    const confirmed = event.verified && event.refused === null;
    if (!confirmed && event.refused === null) return null;
    const scored = event.score !== null && event.method === "face";
    key = `event_${confirmed ? "verified" : "refused"}${scored ? "_score" : ""}`;
    values.score = event.score?.toFixed(3);
    values.threshold = event.threshold?.toFixed(3);
  }
  if (event.event === "token_receipt" && !event.accepted) key = "event_token_receipt_refused";
  return key in WORDS.ja ? { key, values, at: new Date(event.at) } : null;
}
