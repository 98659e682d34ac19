// The playground's stream: a line of JSON for each thing that happens.

/**
 * Done at its end, and also where the connection breaks off: what is missing then is the last line.
 * @param {ReadableStream<Uint8Array>} body
 * @param {(line: any) => void} each
 */
export async function readLines(body, each) {
  /** @type {ReadableStreamDefaultReader<string>} */
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(broken);
    const parts = (rest + (value ?? "")).split("\n");
    // A line that has no end was cut off.
    rest = parts.pop() ?? "";
    for (const part of parts) if (part.trim()) each(JSON.parse(part));
    if (done) return;
  }
}

/**
 * @param {unknown} error
 * @returns {{ done: true, value: undefined }}
 */
function broken(error) {
  if (error instanceof DOMException && error.name === "AbortError") throw error;
  return { done: true, value: undefined };
}
