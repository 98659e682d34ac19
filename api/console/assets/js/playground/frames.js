// The bytes of an answer cut into frames: one for each event of a stream, one for a whole body.

/**
 * @typedef {object} Frame
 * @property {string} text as it came, without the empty line behind it
 * @property {string} event the name, "" where it has none
 * @property {string} data
 * @property {number} at seconds since the request came
 */

export class Framing {
  /**
   * @param {boolean} streamed whether the answer is a stream of events
   * @param {(frame: Frame) => void} each
   */
  constructor(streamed, each) {
    this.streamed = streamed;
    this.each = each;
    this.rest = "";
    this.at = 0;
  }

  /**
   * @param {string} text
   * @param {number} at
   */
  add(text, at) {
    this.rest += text;
    this.at = at;
    if (!this.streamed) return;
    const parts = this.rest.split(/\r?\n\r?\n/);
    this.rest = parts.pop() ?? "";
    for (const part of parts) this.tell(part);
  }

  end() {
    if (this.rest.trim()) this.tell(this.rest);
    this.rest = "";
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
  if (line.base64 === undefined) return line.text ?? "";
  return decoder.decode(Uint8Array.from(atob(line.base64), (letter) => letter.charCodeAt(0)), { stream: true });
}
