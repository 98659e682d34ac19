// Amounts of money as the exact decimal text that the server gives, never as floating point; and other figures for people.

const PLACES = 12;

/**
 * The amount in units of 1e-12 USD.
 * @param {string | number} text
 * @returns {bigint}
 */
export function pico(text) {
  const [, sign, whole, rest = "", exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(String(text)) ?? [];
  if (whole === undefined) return 0n;
  const shift = PLACES + Number(exponent ?? 0) - rest.length;
  const digits = BigInt(whole + rest);
  const value = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign ? -value : value;
}

/**
 * All digits: $1,234.000000123.
 * @param {string | number} text
 */
export function exactUsd(text) {
  return written(pico(text), PLACES);
}

/**
 * Rounded to what a person wants to see of an amount of this size; what is not zero never looks like it.
 * @param {string | number} text
 */
export function usd(text) {
  const value = pico(text);
  const size = value < 0n ? -value : value;
  const one = 10n ** 12n;
  const places = size >= 100n * one ? 2 : size >= one ? 4 : 6;
  const step = 10n ** BigInt(PLACES - places);
  if (size !== 0n && size < step) return written(value, PLACES);
  return written(((value < 0n ? value - step / 2n : value + step / 2n) / step) * step, PLACES);
}

/**
 * @param {bigint} value
 * @param {number} places
 */
function written(value, places) {
  const size = (value < 0n ? -value : value).toString().padStart(places + 1, "0");
  const whole = size.slice(0, -places).replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = size.slice(-places).replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "−" : ""}$${whole}.${rest}`;
}

/**
 * Micro-USD as USD text, exactly.
 * @param {string} text
 */
export function microToUsd(text) {
  return usdText(pico(text) / 1_000_000n);
}

/**
 * Units of 1e-12 USD as USD text, exactly.
 * @param {bigint} value
 */
export function usdText(value) {
  const size = (value < 0n ? -value : value).toString().padStart(PLACES + 1, "0");
  return `${value < 0n ? "-" : ""}${size.slice(0, -PLACES)}.${size.slice(-PLACES)}`;
}

/** @param {number} value */
export function count(value) {
  return value.toLocaleString("en-US");
}

/**
 * 1,234,567 as 1.2M.
 * @param {number} value
 */
export function brief(value) {
  for (const [size, unit] of /** @type {[number, string][]} */ ([[1e9, "B"], [1e6, "M"], [1e3, "K"]])) {
    if (value >= size) return `${(value / size).toLocaleString("en-US", { maximumFractionDigits: value >= 100 * size ? 0 : 1 })}${unit}`;
  }
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

/**
 * A span of time.
 * @param {number | null | undefined} milliseconds
 */
export function span(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds === 0) return "< 1 ms";
  if (milliseconds < 1) return milliseconds < 0.05 ? "< 0.1 ms" : `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/**
 * A moment, in the reader's own time zone, with the exact one as its title.
 * @param {string} iso
 * @returns {{ text: string, exact: string }}
 */
export function moment(iso) {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return { text: today ? `today, ${time}` : `${day}, ${time}`, exact: iso };
}

/**
 * The UTC day that lies this many days back, as YYYY-MM-DD.
 * @param {number} back
 */
export function utcDay(back) {
  return new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
}
