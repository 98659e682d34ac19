// The request body that a filled form makes, in each client's own format.

/** @typedef {"openai_chat" | "openai_responses" | "anthropic_messages"} Format */

/**
 * @typedef {object} Wish
 * @property {Format} format
 * @property {string} model
 * @property {boolean} stream
 * @property {string} system
 * @property {string} message
 * @property {number | null} maxTokens
 * @property {number | null} temperature
 * @property {string} effort "" for what the model does by itself
 * @property {string[]} tools ids of the gateway's own tools
 * @property {boolean} toolEvents whether to be told of each run of those
 * @property {boolean} callable whether to offer a function that the client would run
 */

/** @type {[Format, string, string][]} */
export const FORMATS = [
  ["openai_chat", "Chat", "OpenAI Chat Completions"],
  ["openai_responses", "Responses", "OpenAI Responses"],
  ["anthropic_messages", "Messages", "Anthropic Messages"],
];

/** @type {Record<Format, string>} */
export const PATHS = {
  openai_chat: "/api/v1/chat/completions",
  openai_responses: "/api/v1/responses",
  anthropic_messages: "/api/v1/messages",
};

export const TOOLS = ["datetime", "web_search", "web_fetch", "pdf", "image"];

/** Messages demands a limit. */
const DEFAULT_LIMIT = 4096;

const FUNCTION = {
  name: "get_weather",
  description: "The weather in a city at this moment.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
};

/** @param {Wish} wish */
export function bodyOf(wish) {
  return { openai_chat: chat, openai_responses: responses, anthropic_messages: messages }[wish.format](wish);
}

/** @param {Wish} wish */
function chat(wish) {
  return present({
    model: wish.model,
    stream: wish.stream,
    messages: [...(wish.system ? [{ role: "system", content: wish.system }] : []), { role: "user", content: wish.message }],
    max_completion_tokens: wish.maxTokens,
    temperature: wish.temperature,
    reasoning_effort: wish.effort || null,
    plugins: wish.tools.length ? wish.tools.map((id) => ({ id })) : null,
    hi_tool_events: wish.tools.length && wish.toolEvents ? true : null,
    tools: wish.callable ? [{ type: "function", function: FUNCTION }] : null,
  });
}

/** @param {Wish} wish */
function responses(wish) {
  const tools = [
    ...wish.tools.map((type) => (wish.toolEvents ? { type, events: true } : { type })),
    ...(wish.callable ? [{ type: "function", ...FUNCTION }] : []),
  ];
  return present({
    model: wish.model,
    stream: wish.stream,
    instructions: wish.system || null,
    input: wish.message,
    max_output_tokens: wish.maxTokens,
    temperature: wish.temperature,
    reasoning: wish.effort ? { effort: wish.effort, summary: "auto" } : null,
    tools: tools.length ? tools : null,
  });
}

/** @param {Wish} wish */
function messages(wish) {
  return present({
    model: wish.model,
    stream: wish.stream,
    max_tokens: wish.maxTokens ?? DEFAULT_LIMIT,
    system: wish.system || null,
    messages: [{ role: "user", content: wish.message }],
    temperature: wish.temperature,
    thinking: wish.effort ? { type: "adaptive" } : null,
    output_config: wish.effort ? { effort: wish.effort } : null,
    plugins: wish.tools.length ? wish.tools.map((id) => ({ id })) : null,
    hi_tool_events: wish.tools.length && wish.toolEvents ? true : null,
    tools: wish.callable ? [{ name: FUNCTION.name, description: FUNCTION.description, input_schema: FUNCTION.parameters }] : null,
  });
}

/**
 * Without what nobody asked for.
 * @param {Record<string, unknown>} body
 */
function present(body) {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}
