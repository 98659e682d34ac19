// What an answer says, read from the frames of each client's format: text, reasoning, calls of tools, errors, usage.

/** @typedef {import("./bodies.js").Format} Format */

/**
 * What an answer is told to.
 * @typedef {object} Ear
 * @property {(kind: "text" | "reasoning", text: string) => void} say
 * @property {(id: string, name: string, more: string) => void} call a piece of a call's arguments
 * @property {(id: string, name: string, what: string) => void} ran what came of a run of the gateway's own tool
 * @property {(source: string) => void} picture
 * @property {(message: string, code: string) => void} fail
 * @property {(usage: { input: number, output: number, reasoning: number, cost: string | null }) => void} used
 * @property {(reason: string) => void} ended
 */

/**
 * Reads one frame's data. What it does not know it passes by: the raw frames show it.
 * @param {Format} format
 * @param {boolean} streamed
 * @param {string} data
 * @param {Ear} ear
 */
export function hear(format, streamed, data, ear) {
  if (data === "" || data === "[DONE]") return;
  let said;
  try {
    said = JSON.parse(data);
  } catch {
    ear.fail("The answer is not JSON.", "");
    return;
  }
  if (said === null || typeof said !== "object") {
    ear.fail("The answer is no JSON object.", "");
    return;
  }
  if (said.error && said.type !== "response.failed") {
    ear.fail(said.error.message ?? "No reason was given.", said.error.code ?? said.error.type ?? "");
    return;
  }
  ({ openai_chat: chat, openai_responses: streamed ? responses : wholeResponse, anthropic_messages: streamed ? messages : wholeMessage })[format](said, ear, data);
}

/**
 * A number as it is written in the JSON: a cost has more digits than floating point keeps.
 * @param {string} data
 */
function costIn(data) {
  return /"cost":\s*(-?[\d.]+(?:[eE][-+]?\d+)?)/.exec(data)?.[1] ?? null;
}

/**
 * @param {any} said
 * @param {Ear} ear
 * @param {string} data
 */
function chat(said, ear, data) {
  for (const event of [said.hi_tool_event, ...(said.hi_tool_events ?? [])]) if (event) toolRun(event, ear);
  const choice = said.choices?.[0];
  const part = choice?.delta ?? choice?.message ?? {};
  const reasoning = part.reasoning ?? part.reasoning_content;
  if (reasoning) ear.say("reasoning", reasoning);
  if (part.content) ear.say("text", part.content);
  if (part.refusal) ear.say("text", part.refusal);
  for (const image of part.images ?? []) if (image.image_url?.url) ear.picture(image.image_url.url);
  (part.tool_calls ?? []).forEach((/** @type {any} */ call, /** @type {number} */ place) => {
    ear.call(String(call.index ?? place), call.function?.name ?? "", call.function?.arguments ?? "");
  });
  if (choice?.finish_reason) ear.ended(choice.finish_reason);
  if (said.usage) {
    ear.used({
      input: said.usage.prompt_tokens, output: said.usage.completion_tokens,
      reasoning: said.usage.completion_tokens_details?.reasoning_tokens ?? 0, cost: costIn(data),
    });
  }
}

/**
 * @param {any} said
 * @param {Ear} ear
 * @param {string} data
 */
function responses(said, ear, data) {
  const item = said.item ?? {};
  switch (said.type) {
    case "response.output_text.delta":
    case "response.refusal.delta":
      ear.say("text", said.delta);
      break;
    case "response.reasoning_summary_text.delta":
    case "response.reasoning_text.delta":
      ear.say("reasoning", said.delta);
      break;
    case "response.function_call_arguments.delta":
      ear.call(said.item_id, "", said.delta);
      break;
    case "response.output_item.added":
      if (item.type === "function_call") ear.call(item.id, item.name, "");
      break;
    case "response.output_item.done":
      ownTool(item, ear);
      break;
    case "response.failed":
      ear.fail(said.response?.error?.message ?? "The response failed.", said.response?.error?.code ?? "");
      break;
    case "response.completed":
    case "response.incomplete":
      finished(said.response, ear, data);
      break;
  }
}

/**
 * @param {any} response
 * @param {Ear} ear
 * @param {string} data
 */
function wholeResponse(response, ear, data) {
  for (const item of response.output ?? []) {
    if (item.type === "reasoning") for (const part of [...(item.summary ?? []), ...(item.content ?? [])]) ear.say("reasoning", part.text ?? "");
    else if (item.type === "message") for (const part of item.content ?? []) ear.say("text", part.text ?? part.refusal ?? "");
    else if (item.type === "function_call") ear.call(item.id, item.name, item.arguments);
    else ownTool(item, ear);
  }
  finished(response, ear, data);
}

/**
 * @param {any} response
 * @param {Ear} ear
 * @param {string} data
 */
function finished(response, ear, data) {
  ear.ended(response.incomplete_details?.reason ?? response.status);
  const usage = response.usage;
  if (usage) {
    ear.used({ input: usage.input_tokens, output: usage.output_tokens, reasoning: usage.output_tokens_details?.reasoning_tokens ?? 0, cost: costIn(data) });
  }
}

/**
 * @param {any} item
 * @param {Ear} ear
 */
function ownTool(item, ear) {
  if (item.type === "image_generation_call" && item.result) ear.picture(`data:image/${item.output_format ?? "png"};base64,${item.result}`);
  if (item.hi_tool_event) toolRun(item.hi_tool_event, ear);
  else if (["mcp_call", "web_search_call", "image_generation_call"].includes(item.type)) ear.ran(item.id, item.name ?? item.type, item.output ?? item.status ?? "");
}

/**
 * @param {any} said
 * @param {Ear} ear
 * @param {string} data
 */
function messages(said, ear, data) {
  const delta = said.delta ?? {};
  switch (said.type) {
    case "content_block_start":
      block(String(said.index), said.content_block, ear, false);
      break;
    case "content_block_delta":
      if (delta.text) ear.say("text", delta.text);
      if (delta.thinking) ear.say("reasoning", delta.thinking);
      if (delta.partial_json !== undefined) ear.call(String(said.index), "", delta.partial_json);
      break;
    case "message_delta":
      if (delta.stop_reason) ear.ended(delta.stop_reason);
      if (said.usage) usageOfMessage(said.usage, ear, data);
      break;
  }
}

/**
 * @param {any} message
 * @param {Ear} ear
 * @param {string} data
 */
function wholeMessage(message, ear, data) {
  (message.content ?? []).forEach((/** @type {any} */ each, /** @type {number} */ index) => block(String(index), each, ear, true));
  if (message.stop_reason) ear.ended(message.stop_reason);
  if (message.usage) usageOfMessage(message.usage, ear, data);
}

/**
 * @param {string} index
 * @param {any} found
 * @param {Ear} ear
 * @param {boolean} whole
 */
function block(index, found, ear, whole) {
  if (found.text) ear.say("text", found.text);
  if (found.thinking) ear.say("reasoning", found.thinking);
  if (found.type === "tool_use" || found.type === "server_tool_use") ear.call(index, found.name, whole ? JSON.stringify(found.input) : "");
  if (found.type?.endsWith("_tool_result")) {
    if (found.hi_tool_event) toolRun(found.hi_tool_event, ear);
    else ear.ran(found.tool_use_id ?? index, found.type.replace("_tool_result", ""), found.content?.stdout ?? "");
  }
}

/**
 * @param {any} usage
 * @param {Ear} ear
 * @param {string} data
 */
function usageOfMessage(usage, ear, data) {
  ear.used({
    input: (usage.input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    output: usage.output_tokens ?? 0, reasoning: usage.output_tokens_details?.thinking_tokens ?? 0, cost: costIn(data),
  });
}

/**
 * @param {any} event
 * @param {Ear} ear
 */
function toolRun(event, ear) {
  ear.ran(event.id, event.name, event.type === "start" ? "" : (event.error ?? event.summary ?? "done"));
}
