// The request as code to take away. The key comes from the environment: none is ever written into text.

import { PATHS } from "./bodies.js";

/** @typedef {import("./bodies.js").Format} Format */

/** @type {[string, string][]} */
export const LANGUAGES = [["curl", "curl"], ["python", "Python"], ["typescript", "TypeScript"]];

const KEY = "HYPERINFER_API_KEY";

/**
 * @param {string} language
 * @param {Format} format
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
export function snippet(language, format, body, strict, origin) {
  if (language === "curl") return curl(format, body, strict, origin);
  const anthropic = format === "anthropic_messages";
  if (language === "python") return anthropic ? pythonAnthropic(body, strict, origin) : pythonOpenai(format, body, strict, origin);
  return anthropic ? typescriptAnthropic(body, strict, origin) : typescriptOpenai(format, body, strict, origin);
}

/**
 * @param {Format} format
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
function curl(format, body, strict, origin) {
  const auth = format === "anthropic_messages" ? `"x-api-key: $${KEY}"` : `"Authorization: Bearer $${KEY}"`;
  return [
    `curl ${body.stream ? "-N " : ""}${origin}${PATHS[format]}`,
    `-H ${auth}`,
    "-H 'Content-Type: application/json'",
    ...(strict ? ["-H 'X-HyperInfer-Strict: true'"] : []),
    `-d '${JSON.stringify(body, null, 2).replaceAll("'", `'\\''`)}'`,
  ].join(" \\\n  ");
}

/**
 * @param {Format} format
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
function pythonOpenai(format, body, strict, origin) {
  const [known, extra] = split(body, ["plugins", "hi_tool_events"]);
  const call = format === "openai_chat" ? "client.chat.completions.create" : "client.responses.create";
  const read = format === "openai_chat"
    ? ["for chunk in answer:", "    if chunk.choices:", '        print(chunk.choices[0].delta.content or "", end="", flush=True)']
    : ["for event in answer:", '    if event.type == "response.output_text.delta":', '        print(event.delta, end="", flush=True)'];
  const whole = [format === "openai_chat" ? "print(answer.choices[0].message.content)" : "print(answer.output_text)"];
  return [
    "import os", "", "from openai import OpenAI", "",
    `client = OpenAI(base_url="${origin}/api/v1", api_key=os.environ["${KEY}"])`,
    `answer = ${call}(`, ...pythonArguments(known, extra, strict), ")",
    ...(body.stream ? read : whole), "",
  ].join("\n");
}

/**
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
function pythonAnthropic(body, strict, origin) {
  const [known, extra] = split(body, ["plugins", "hi_tool_events"]);
  const read = ["for event in answer:", '    if event.type == "content_block_delta" and event.delta.type == "text_delta":', '        print(event.delta.text, end="", flush=True)'];
  const whole = ["for block in answer.content:", '    if block.type == "text":', "        print(block.text)"];
  return [
    "import os", "", "from anthropic import Anthropic", "",
    `client = Anthropic(base_url="${origin}/api", api_key=os.environ["${KEY}"])`,
    "answer = client.messages.create(", ...pythonArguments(known, extra, strict), ")",
    ...(body.stream ? read : whole), "",
  ].join("\n");
}

/**
 * @param {Record<string, any>} known
 * @param {Record<string, any>} extra
 * @param {boolean} strict
 */
function pythonArguments(known, extra, strict) {
  const lines = Object.entries(known).map(([name, value]) => `    ${name}=${python(value, 1)},`);
  if (Object.keys(extra).length) lines.push(`    extra_body=${python(extra, 1)},`);
  if (strict) lines.push('    extra_headers={"X-HyperInfer-Strict": "true"},');
  return lines;
}

/**
 * A JSON value as Python writes it.
 * @param {any} value
 * @param {number} depth
 * @returns {string}
 */
function python(value, depth) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const entries = Array.isArray(value)
    ? value.map((each) => python(each, depth + 1))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each, depth + 1)}`);
  const [from, to] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const short = `${from}${entries.join(", ")}${to}`;
  if (short.length + depth * 4 < 90 && !short.includes("\n")) return short;
  return `${from}\n${entries.map((entry) => `${inner}${entry},\n`).join("")}${"    ".repeat(depth)}${to}`;
}

/**
 * @param {Format} format
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
function typescriptOpenai(format, body, strict, origin) {
  const chat = format === "openai_chat";
  const call = chat ? "client.chat.completions.create" : "client.responses.create";
  const type = chat ? "OpenAI.ChatCompletionCreateParams" : "OpenAI.Responses.ResponseCreateParams";
  const read = chat
    ? ["for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? \"\");"]
    : ["for await (const event of answer) {", '  if (event.type === "response.output_text.delta") process.stdout.write(event.delta);', "}"];
  const whole = [chat ? "console.log(answer.choices[0]?.message.content);" : "console.log(answer.output_text);"];
  return [
    'import OpenAI from "openai";', "",
    `const client = new OpenAI({ baseURL: "${origin}/api/v1", apiKey: process.env.${KEY} });`,
    typed(call, type, body, strict),
    ...(body.stream ? read : whole), "",
  ].join("\n");
}

/**
 * @param {Record<string, any>} body
 * @param {boolean} strict
 * @param {string} origin
 */
function typescriptAnthropic(body, strict, origin) {
  const read = ["for await (const event of answer) {", '  if (event.type === "content_block_delta" && event.delta.type === "text_delta") process.stdout.write(event.delta.text);', "}"];
  const whole = ['for (const block of answer.content) if (block.type === "text") console.log(block.text);'];
  return [
    'import Anthropic from "@anthropic-ai/sdk";', "",
    `const client = new Anthropic({ baseURL: "${origin}/api", apiKey: process.env.${KEY} });`,
    typed("client.messages.create", "Anthropic.MessageCreateParams", body, strict),
    ...(body.stream ? read : whole), "",
  ].join("\n");
}

/**
 * The call. Fields that the SDK has no name for are cast past its types.
 * @param {string} call
 * @param {string} type
 * @param {Record<string, any>} body
 * @param {boolean} strict
 */
function typed(call, type, body, strict) {
  const ours = "plugins" in body || (body.tools ?? []).some((/** @type {any} */ tool) => tool.type && tool.type !== "function");
  const cast = ours ? ` as unknown as ${type}${body.stream ? "Streaming" : "NonStreaming"}` : "";
  const options = strict ? ', { headers: { "X-HyperInfer-Strict": "true" } }' : "";
  return `const answer = await ${call}(${JSON.stringify(body, null, 2)}${cast}${options});`;
}

/**
 * @param {Record<string, any>} body
 * @param {string[]} names
 * @returns {[Record<string, any>, Record<string, any>]}
 */
function split(body, names) {
  const entries = Object.entries(body);
  return [Object.fromEntries(entries.filter(([name]) => !names.includes(name))), Object.fromEntries(entries.filter(([name]) => names.includes(name)))];
}
