// The bytes of an answer cut into frames: one for each event of a stream, one for a whole body.

/**
 * @typedef {object} Frame
 * @property {string} text as it came, without the empty line behind it
 * @property {string} event the name, "" where it has none
 * @property {string} data
 * @property {number} at seconds since the request came
 */

/** Characters of an end that has not come whole: "\r\n\r". */
const TAIL = 3;

export class Framing {
  /**
   * @param {boolean} streamed whether the answer is a stream of events
   * @param {(frame: Frame) => void} each
   */
  constructor(streamed, each) {
    this.streamed = streamed;
    this.each = each;
    /** @type {string[]} what has come of a frame whose end has not */
    this.begun = [];
    /** so much of the end of it as may be the beginning of what ends a frame */
    this.tail = "";
    this.at = 0;
  }

  /**
   * @param {string} text
   * @param {number} at
   */
  add(text, at) {
    this.at = at;
    if (!this.streamed) {
      this.begun.push(text);
      return;
    }
    // Only what is new is looked through: a frame of many megabytes comes in thousands of pieces.
    const parts = (this.tail + text).split(/\r?\n\r?\n/);
    const rest = parts.pop() ?? "";
    for (const part of parts) {
      this.begun.push(part);
      this.tell(this.taken());
    }
    this.begun.push(rest.slice(0, -TAIL));
    this.tail = rest.slice(-TAIL);
  }

  end() {
    this.begun.push(this.tail);
    this.tail = "";
    const rest = this.taken();
    if (rest.trim()) this.tell(rest);
  }

  taken() {
    const text = this.begun.join("");
    this.begun = [];
    return text;
  }

  /** @param {string} text */
  tell(text) {
    if (!this.streamed) {
      this.each({ text, event: "", data: text, at: this.at });
      return;
    }
    const lines = text.split(/\r?\n/);
    const valued = (/** @type {string} */ name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).replace(/^ /, ""));
    this.each({ text, event: valued("event:")[0] ?? "", data: valued("data:").join("\n"), at: this.at });
  }
}

/**
 * The bytes of a line as text.
 * @param {{ text?: string, base64?: string }} line
 * @param {TextDecoder} decoder keeps what is not yet a whole letter
 */
export function textOf(line, decoder) {
  if (line.base64 === undefined) return decoder.decode() + (line.text ?? "");
  return decoder.decode(Uint8Array.from(atob(line.base64), (letter) => letter.charCodeAt(0)), { stream: true });
}
