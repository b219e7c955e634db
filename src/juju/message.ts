/** A message of `juju status` has so many columns. */
export const columns = 100;

/** What a next step may take of them, so that something is left for the reason. */
const nextColumns = 70;

const elsewhere = "the unit's log says how";

/** One line of what can be printed: whatever else a value or a program's output holds becomes a space. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}

/** Cuts a text to so many columns. */
export function cut(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, Math.max(0, limit - 3)).trimEnd()}...` : text;
}

/** Names files and folders by their last part, but for URLs. */
function withoutFolders(text: string): string {
  return text.replace(/(?<![\w/])\/(?:[^\s/:;,]+\/)+(?=[^\s/])/g, "");
}

/** The same without its last detail, which follows a colon, a semicolon or a bracket; "" where there is none. */
function withoutDetail(reason: string): string {
  const details = [...reason.matchAll(/: |; | \(/g)];
  // What opens a bracket goes as a whole.
  return reason.slice(0, details.at(-1)?.index ?? 0).replace(/ \([^)]*$/, "");
}

/** A lead and a reason without the kinds of resources, and a reason that does not begin with what the lead names. */
function withoutRepeats(lead: string, reason: string): readonly [lead: string, reason: string] {
  const short = withoutFolders(lead).replace(/(, )[a-z-]+:(?=\S)/, "$1");
  const subject = /^\S+/.exec(reason)?.[0] ?? "";
  const isNamed = subject !== "" && /, (\S+?):? $/.exec(short)?.[1]?.startsWith(subject) === true;
  const bare = isNamed ? reason.slice(subject.length).trimStart() : reason;
  return [short, bare.replace(/^[a-z-]+:(?=\S)/, "")];
}

/** The longest form of a lead and a reason that fits; what no form makes short enough is cut. */
function shortened(lead: string, reason: string, limit: number): string {
  const plain = withoutFolders(reason);
  const [shortLead, bare] = withoutRepeats(lead, plain);
  const forms = [`${lead}${reason}`, `${withoutFolders(lead)}${plain}`, `${shortLead}${bare}`];
  // A name alone does not say what is wrong with it: what does is cut then.
  const says = (rest: string) => rest !== "" && (shortLead !== "" || rest.includes(" "));
  for (let rest = withoutDetail(bare); says(rest); rest = withoutDetail(rest))
    forms.push(`${shortLead}${rest}`);
  return forms.find((form) => form.length <= limit) ?? cut(forms.at(-1) ?? "", limit);
}

/**
 * A status message of at most 100 columns: what is wrong and, after `; next:`, the next step. What is too long loses
 * its folders first, then what it says twice, then its details, then its end; the next step is never cut, since half a
 * command is worse than none: one that leaves no room is left to the log. `lead`: what comes before the reason, and
 * loses no detail.
 */
export function statusMessage(reason: string, remedy: string, lead = ""): string {
  const step = oneLine(remedy);
  const next = step === "" ? "" : `; next: ${step.length > nextColumns ? elsewhere : step}`;
  return `${shortened(lead, oneLine(reason), columns - next.length)}${next}`;
}

/** The message that refuses an option: what it is set to is cut before what is accepted. */
export function refusalMessage(option: string, value: string, accepted: string): string {
  const tail = `; accepted: ${oneLine(accepted)}`;
  if (value === "") return cut(`${option} is empty${tail}`, columns);
  const room = columns - option.length - 2 - tail.length;
  return cut(`${option}: ${cut(oneLine(value), Math.max(room, 16))}${tail}`, columns);
}
