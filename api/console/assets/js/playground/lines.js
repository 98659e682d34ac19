// The playground's stream: a line of JSON for each thing that happens.

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {(line: any) => void} each
 */
export async function readLines(body, each) {
  /** @type {ReadableStreamDefaultReader<string>} */
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop() ?? "";
    for (const part of parts) if (part.trim()) each(JSON.parse(part));
    if (done) return;
  }
}
