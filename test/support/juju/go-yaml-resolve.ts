const words = new Set([
  ...["", "~", "null", "Null", "NULL", ".nan", ".NaN", ".NAN"],
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"],
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"],
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"],
]);
const integer = /^[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)$/;
const signedBinary = /^0b[-+][01]+$/;
const float = /^[-+]?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][-+][0-9]+)?$/;
const pointFloat = /^\.\d(_?\d)*([eE][-+]?\d(_?\d)*)?$/;
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const date = /^(\d{4})-(\d{1,2})-(\d{1,2})(.*)$/;
const time =
  /^(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?(?:Z|[-+](\d\d):(\d\d))| +(\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?)$/;

/** True when YAML 1.1, as Juju's library reads it, would take the plain text for something else than a text. */
export function needsQuotes(text: string): boolean {
  if (words.has(text) || base60.test(text)) return true;
  if (text.startsWith(".")) return pointFloat.test(text) && Number.isFinite(Number(text.replaceAll("_", "")));
  if (!/^[-+0-9]/.test(text)) return false;
  return isTimestamp(text) || isNumber(text.replaceAll("_", ""));
}

function isNumber(text: string): boolean {
  if (integer.test(text) && fits(text)) return true;
  if (signedBinary.test(text)) return true;
  return float.test(text) && /[0-9]/.test(text) && Number.isFinite(Number(text));
}

/** An integer beyond 64 bits is no integer, though mostly a float. */
function fits(text: string): boolean {
  const signed = /^[-+]/.test(text);
  const digits = text.replace(/^[-+]/, "").replace(/^0(?=[0-7])/, "0o");
  const size = BigInt(digits);
  if (text.startsWith("-")) return size <= 2n ** 63n;
  return size < (signed ? 2n ** 63n : 2n ** 64n);
}

function isTimestamp(text: string): boolean {
  const [, year, month, day, rest] = date.exec(text) ?? [];
  if (rest === undefined || !isDay(Number(year), Number(month), Number(day))) return false;
  if (rest === "") return true;
  const found = time
    .exec(rest)
    ?.slice(1)
    .map((part) => Number(part ?? 0));
  if (found === undefined) return false;
  const [
    hourT = 0,
    minuteT = 0,
    secondT = 0,
    ,
    zoneHour = 0,
    zoneMinute = 0,
    hour = 0,
    minute = 0,
    second = 0,
  ] = found;
  const inDay = hourT + hour < 24 && minuteT + minute < 60 && secondT + second < 60;
  return inDay && zoneHour <= 24 && zoneMinute < 60;
}

function isDay(year: number, month: number, day: number): boolean {
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return month >= 1 && month <= 12 && day >= 1 && day <= last;
}
