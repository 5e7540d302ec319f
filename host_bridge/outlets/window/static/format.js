// Times and days as the reception writes them: Japan's, whatever this machine's clock is set to.

const ZONE = { timeZone: "Asia/Tokyo" };
const DAY_MS = 86400000;
const clock = new Intl.DateTimeFormat("en-GB", { ...ZONE, hour: "2-digit", minute: "2-digit" });
const isoDay = new Intl.DateTimeFormat("sv-SE", ZONE);
const LOCALES = { ja: "ja-JP", en: "en-GB" };

/** Hours and minutes of a time in seconds since 1970; of another day, with its day. */
export function time(words, seconds) {
  const moment = new Date(seconds * 1000);
  const said = clock.format(moment);
  const day = isoDay.format(moment);
  if (day === isoDay.format(Date.now())) return said;
  if (day === isoDay.format(Date.now() - DAY_MS)) return words.say("yesterday", { time: said });
  if (day === isoDay.format(Date.now() + DAY_MS)) return words.say("tomorrow", { time: said });
  return `${dayOf(words, day.replaceAll("-", ""))} ${said}`;
}

/** A day given as yyyymmdd; anything else as it is. */
export function dayOf(words, text) {
  const date = dateOf(text);
  if (!date) return text;
  return new Intl.DateTimeFormat(LOCALES[words.language], { dateStyle: "long", timeZone: "UTC" }).format(date);
}

/** Birth date with the year of the Japanese era and the age today; anything that is no date as it is. */
export function birth(words, text) {
  const date = dateOf(text);
  if (!date) return text;
  const locale = `${LOCALES[words.language]}-u-ca-japanese`;
  const written = new Intl.DateTimeFormat(locale, { era: "long", year: "numeric", timeZone: "UTC" });
  const part = Object.fromEntries(written.formatToParts(date).map(({ type, value }) => [type, value]));
  const era = words.language === "ja" ? written.format(date) : `${part.era} ${part.year}`;
  const today = isoDay.format(Date.now()).replaceAll("-", "");
  const age = Number(today.slice(0, 4)) - Number(text.slice(0, 4)) - (today.slice(4) < text.slice(4) ? 1 : 0);
  return words.say("born", { date: dayOf(words, text), era, age });
}

function dateOf(text) {
  const parts = /^(\d{4})(\d\d)(\d\d)$/.exec(text);
  if (!parts) return null;
  const date = new Date(Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3])));
  return date.toISOString().slice(0, 10) === parts.slice(1).join("-") ? date : null;
}
