// Streams of all three formats through the Vercel AI SDK's own providers, without a server. Runs with the packages that
// `install.sh` makes.
//
//     node aisdk_streams.mjs PACKAGES STREAMS     prints a JSON line for each stream: what a user of the SDK has in the end
//
// PACKAGES: the folder with node_modules. STREAMS: a file of JSON lines, {client: chat | compatible | responses | messages,
// stream, tools: names of the tools that it may call}. `again` in an answer: the request that the SDK makes of the conversation for the next turn.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [packages, file] = process.argv.slice(2)
const resolve = createRequire(`${packages}/package.json`).resolve
const load = (name) => import(pathToFileURL(resolve(name)))
const { streamText, tool, jsonSchema } = await load('ai')
const { createOpenAI } = await load('@ai-sdk/openai')
const { createAnthropic } = await load('@ai-sdk/anthropic')
const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible')
globalThis.AI_SDK_LOG_WARNINGS = false

const anything = tool({ inputSchema: jsonSchema({ type: 'object' }) })
const providerOptions = {
  openai: { store: false, include: ['reasoning.encrypted_content'], forceReasoning: true },
  anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } },
}

function ask({ client, stream, tools: names }, messages) {
  let asked
  const fetch = async (_, { body }) => {
    asked = JSON.parse(body)
    return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
  }
  const options = { name: 'gateway', baseURL: 'http://gateway.test/api/v1', apiKey: 'k', fetch }
  const model = {
    chat: () => createOpenAI(options).chat('m'),
    compatible: () => createOpenAICompatible({ ...options, includeUsage: true })('m'),
    responses: () => createOpenAI(options).responses('m'),
    messages: () => createAnthropic(options)('m'),
  }[client]()
  const tools = Object.fromEntries(names.map((name) => [name, anything]))
  const result = streamText({ model, messages, tools, providerOptions, maxRetries: 0, onError: () => {} })
  return { result, asked: () => asked }
}

async function read(given) {
  const found = { text: '', reasoning: '', calls: [], sources: [], errors: [], open: [] }
  const first = [{ role: 'user', content: 'x' }]
  const { result } = ask(given, first)
  for await (const part of result.fullStream) {
    switch (part.type) {
      case 'text-start': case 'reasoning-start': case 'tool-input-start': found.open.push(part.id); break
      case 'text-end': case 'reasoning-end': case 'tool-input-end':
        found.open.splice(found.open.indexOf(part.id), 1); break
      case 'text-delta': found.text += part.text; break
      case 'reasoning-delta': found.reasoning += part.text; break
      case 'tool-call':
        if (!part.providerExecuted) found.calls.push([part.toolCallId, part.toolName, part.input, part.invalid ?? false])
        break
      case 'source': found.sources.push(part.url); break
      case 'finish': found.finish = part.finishReason; found.usage = part.totalUsage; break
      case 'error': found.errors.push(part.error?.message ?? JSON.stringify(part.error))
    }
  }
  if (!found.errors.length) found.again = await again(given, first, await result.responseMessages, found.calls)
  return found
}

async function again(given, first, said, calls) {
  const output = { type: 'text', value: 'done' }
  const results = calls.map(([toolCallId, toolName]) => ({ type: 'tool-result', toolCallId, toolName, output }))
  const answered = results.length ? [{ role: 'tool', content: results }] : []
  const next = ask(given, [...first, ...said, ...answered, { role: 'user', content: 'And?' }])
  await next.result.consumeStream()
  return next.asked()
}

for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
  const found = await read(JSON.parse(line)).catch((error) => ({ thrown: error.stack }))
  console.log(JSON.stringify(found))
}
