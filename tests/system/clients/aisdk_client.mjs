// The Vercel AI SDK's providers of all three formats. Runs with the packages that `install.sh` makes.
//
//     node aisdk_client.mjs PACKAGES TASKS     prints a JSON line for each task: {client, model, task, got | error}
//
// PACKAGES: the folder with node_modules. TASKS: JSON, {models: [...], text: PROMPT, turns: [PROMPT, ...], settings: FILE}; the
// prompts of `turns` call the tool `lookup`, and FILE, which is that of docs/clients.md, exports the providers.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [packages, given] = process.argv.slice(2)
const tasks = JSON.parse(given)
const resolve = createRequire(`${packages}/package.json`).resolve
const load = (name) => import(pathToFileURL(resolve(name)))
const { generateText, streamText, tool, stepCountIs, Output } = await load('ai')
const { anthropic, hyperinfer, openai } = await import(pathToFileURL(tasks.settings))
const { z } = await load('zod')
globalThis.AI_SDK_LOG_WARNINGS = false

const thinking = {
  openai: { reasoningEffort: 'high', reasoningSummary: 'auto', store: false, include: ['reasoning.encrypted_content'],
    forceReasoning: true },
  anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } },
  hyperinfer: { reasoningEffort: 'high' },
}
const clients = {
  chat: (model) => openai.chat(model),
  responses: (model) => openai.responses(model),
  messages: (model) => anthropic(model),
  compatible: (model) => hyperinfer(model),
}
const lookup = tool({
  description: 'Looks a word up.',
  inputSchema: z.object({ word: z.string() }),
  execute: async ({ word }) => `${word} means 42`,
})
const shape = z.object({ count: z.number().int(), word: z.string() })

async function said(options, streamed) {
  if (!streamed) return await generateText({ maxRetries: 0, ...options })
  let failure
  const result = streamText({ maxRetries: 0, ...options, onError: ({ error }) => { failure = error } })
  let pieces = 0
  for await (const piece of result.textStream) pieces += piece ? 1 : 0
  if (failure) throw failure
  return { text: await result.text, usage: await result.totalUsage, output: options.output && await result.output,
    response: await result.response, responseMessages: await result.responseMessages, pieces }
}

async function text(model, streamed) {
  const result = await said({ model, prompt: tasks.text }, streamed)
  return streamed ? { text: result.text, pieces: result.pieces } : result.text
}

async function work(model, streamed) {
  const messages = []
  const texts = []
  let spent = 0
  for (const prompt of tasks.turns) {
    messages.push({ role: 'user', content: prompt })
    const result = await said(
      { model, messages, tools: { lookup }, stopWhen: stepCountIs(8), providerOptions: thinking }, streamed)
    messages.push(...(result.responseMessages ?? result.response.messages))
    texts.push(result.text)
    spent += (result.totalUsage ?? result.usage).outputTokens
  }
  return { said: texts, usage: spent > 0 }
}

async function shaped(model, streamed) {
  return (await said({ model, prompt: 'Answer.', output: Output.object({ schema: shape }) }, streamed)).output
}

for (const [client, make] of Object.entries(clients)) {
  for (const slug of tasks.models) {
    for (const [kind, streamed] of [['streamed', true], ['whole', false]]) {
      for (const [name, task] of [['text', text], ['tools', work], ['shape', shaped]]) {
        const outcome = await task(make(slug), streamed).then(
          (got) => ({ got }), (error) => ({ error: `${error.stack}\n${JSON.stringify(error)}` }))
        console.log(JSON.stringify({ client, model: slug, task: `${name} ${kind}`, ...outcome }))
      }
    }
  }
}
