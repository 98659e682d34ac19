// The console's own routes. A session that is over is asked for again in the place, then the call goes on: nothing is lost.

const ROOT = "/console/api";

/** What the server refused, in its own words. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {string | undefined} param
   * @param {string | null} retryAfter
   */
  constructor(status, code, message, param, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }
}

/** @type {{ csrf: string, expires_at: string, version: string } | null} */
let session = null;

/** Whether the session is ended on purpose: what is still asked for is not worth another. */
let leaving = false;

/** @type {() => Promise<void>} */
let signInAgain = async () => undefined;

/** @param {() => Promise<void>} ask asks for the token, and is done once a session is there */
export function whenSessionEnds(ask) {
  signInAgain = ask;
}

export function currentSession() {
  return session;
}

/** Whether there is a session. */
export async function findSession() {
  const response = await send("GET", "/session");
  if (response.status === 401) return false;
  await accept(response);
  return true;
}

/** @param {string} token */
export async function signIn(token) {
  await accept(await send("POST", "/session", { token }));
  if (session && !session.version) await findSession();
}

/** Raises where it may not have: then there still is a session. */
export async function signOut() {
  leaving = true;
  let response = await send("DELETE", "/session");
  // Signed in anew in another tab: as with every other call.
  if (response.status === 403 && await findSession()) {
    leaving = true;
    response = await send("DELETE", "/session");
  }
  if (!response.ok && response.status !== 401) throw await refusal(response);
  session = null;
}

/** @param {Response} response */
async function accept(response) {
  if (!response.ok) throw await refusal(response);
  session = { ...session, ...(await response.json()) };
  leaving = false;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] what is empty is left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal = undefined) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") asked.set(name, String(value));
  }
  const text = asked.toString();
  return exactly(await (await call("GET", text ? `${path}?${text}` : path, undefined, signal)).text());
}

/**
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function post(path, body = {}) {
  return exactly(await (await call("POST", path, body)).text());
}

/**
 * The body of the answer as it comes.
 * @param {string} path
 * @param {string} body JSON, sent as it is
 * @param {AbortSignal} signal
 */
export async function open(path, body, signal) {
  return (await call("POST", path, body, signal)).body;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 */
async function call(method, path, body, signal) {
  for (let renewed = false; ;) {
    const response = await send(method, path, body, signal);
    if (response.ok) return response;
    if (response.status === 401 && !leaving) {
      await signInAgain();
    } else if (response.status === 403 && !renewed && await findSession()) {
      // Signed in anew in another tab: the cookie is that session's, the token here was not.
      renewed = true;
    } else {
      throw await refusal(response);
    }
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 */
async function send(method, path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && session) headers["X-CSRF-Token"] = session.csrf;
  try {
    return await fetch(ROOT + path, {
      method, headers, signal: signal ?? null, body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body), credentials: "same-origin", cache: "no-store",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "The gateway cannot be reached.", undefined, null);
  }
}

const AMOUNTS = new Set(["balance", "cost", "total_cost", "limit_daily", "limit_monthly", "limit_total"]);

/**
 * JSON whose amounts of money are kept as the text they were written as: floating point would lose digits.
 * @param {string} text
 */
function exactly(text) {
  return JSON.parse(text, /** @type {any} */ ((/** @type {string} */ name, /** @type {unknown} */ value, /** @type {{ source?: string } | undefined} */ context) => (
    typeof value === "number" && AMOUNTS.has(name) ? context?.source ?? String(value) : value
  )));
}

/** @param {Response} response */
async function refusal(response) {
  let said;
  try {
    said = (await response.json()).error;
  } catch {
    // Not JSON: a proxy in between.
  }
  const message = said?.message ?? `The gateway answered with status ${response.status}.`;
  return new Refused(response.status, said?.code ?? "", message, said?.param, response.headers.get("Retry-After"));
}
