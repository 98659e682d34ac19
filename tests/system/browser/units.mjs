// What the pages compute, without a browser: amounts, frames, replies, layouts, files for spreadsheets, code to copy.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'

const load = (name) => import(pathToFileURL(`${process.argv[2]}/js/${name}`))
const { exactUsd, microToUsd, pico, usd, usdText } = await load('amounts.js')
const { Framing } = await load('playground/frames.js')
const { layout } = await load('playground/layout.js')
const { hear } = await load('playground/replies.js')
const { snippet } = await load('playground/snippets.js')
const { csv, daysBetween, ofDay, seriesOf } = await load('pages/usage_sums.js')

// Amounts keep every digit, whatever their size.
assert.equal(exactUsd('9007199254740993.000000000001'), '$9,007,199,254,740,993.000000000001')
assert.equal(exactUsd(microToUsd('9007199254740993.000001')), '$9,007,199,254.740993000001')
assert.equal(exactUsd('1e-12'), '$0.000000000001')
assert.equal(exactUsd('-0.5'), '−$0.50')
assert.equal(usd('0.0000000004'), '$0.0000000004', 'what is not zero never looks like it')
assert.equal(usd('1.00005'), '$1.0001')
assert.equal(usd('0.9999996'), '$1.00')
assert.equal(usd('12345.678'), '$12,345.68')
for (const text of ['0', '1', '-3.25', '0.000000000001', '123456789012.123456789012']) assert.equal(pico(usdText(pico(text))), pico(text))

// Frames are the same wherever the bytes are cut.
const stream = 'event: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n: keep-alive\n\ndata: [DONE]\n\n'
const whole = framed([stream])
assert.deepEqual(whole.map(({ event, data }) => [event, data]), [['a', '{"x":\n1}'], ['', ''], ['', '[DONE]']])
for (let cut = 0; cut <= stream.length; cut += 1) assert.deepEqual(framed([stream.slice(0, cut), stream.slice(cut)]), whole, `cut at ${cut}`)

// A frame of many megabytes takes no longer than its bytes do.
const piece = 'x'.repeat(32768)
const [large] = framed(['data: ', ...Array.from({ length: 3000 }, () => piece), '\n\n'])
assert.equal(large.data.length, 3000 * piece.length)

// Bytes that are no text are read on with those that are.
const { textOf } = await load('playground/frames.js')
const decoder = new TextDecoder()
assert.equal(['w7/D', null, 'w7w='].map((base64) => textOf(base64 === null ? { text: 'a' } : { base64 }, decoder)).join(''), 'ÿ\ufffdaü')

function framed(pieces) {
  const found = []
  const framing = new Framing(true, ({ text, event, data }) => found.push({ text, event, data }))
  for (const piece of pieces) framing.add(piece, 0)
  framing.end()
  return found
}

// Lines come whole, however they are cut; a connection that breaks off ends them.
const { readLines } = await load('playground/lines.js')
for (const breaks of [false, true]) {
  const lines = []
  const pieces = ['{"a": "', 'ü"}\n{"b"', ': 2}\n\n{"c": 3'].map((piece) => new TextEncoder().encode(piece))
  await readLines(new ReadableStream({
    pull(controller) {
      const piece = pieces.shift()
      if (piece) controller.enqueue(piece)
      else if (breaks) controller.error(new TypeError('network error'))
      else controller.close()
    },
  }), (line) => lines.push(line))
  assert.deepEqual(lines, [{ a: 'ü' }, { b: 2 }])
}

// Replies: what is heard of each format.
function heard(format, streamed, ...frames) {
  const told = []
  const ear = Object.fromEntries(['say', 'call', 'ran', 'picture', 'fail', 'used', 'ended'].map((name) => [name, (...what) => told.push([name, ...what])]))
  for (const frame of frames) hear(format, streamed, typeof frame === 'string' ? frame : JSON.stringify(frame), ear)
  return told
}

const image = 'data:image/png;base64,AA'
assert.deepEqual(heard('openai_chat', true,
  { choices: [{ delta: { reasoning: 'r', reasoning_content: 'r' } }] },
  { choices: [{ delta: { tool_calls: [{ index: 1, function: { name: 'f', arguments: '{"a"' } }] } }] },
  { choices: [{ delta: { images: [{ image_url: { url: image } }] } }] },
  '{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.1234567890123456789}}',
  '[DONE]'),
[['say', 'reasoning', 'r'], ['call', '1', 'f', '{"a"'], ['picture', image], ['used', { input: 1, output: 2, reasoning: 0, cost: '0.1234567890123456789' }]])
assert.deepEqual(heard('openai_responses', true,
  { type: 'response.output_item.done', item: { id: 'i', type: 'image_generation_call', status: 'completed', result: 'AA' } },
  { type: 'response.failed', response: { error: { code: 'c', message: 'm' } } }),
[['picture', image], ['ran', 'i', 'image_generation_call', 'completed'], ['fail', 'm', 'c']])
assert.deepEqual(heard('anthropic_messages', true, { type: 'error', error: { type: 'overloaded_error', code: 'provider_overloaded', message: 'm' } }), [['fail', 'm', 'provider_overloaded']])
for (const format of ['openai_chat', 'openai_responses', 'anthropic_messages']) {
  for (const odd of ['<html>', '{}', '{"choices": [{}]}', '{"type": "of tomorrow"}', '{"output": [{}], "content": [{}]}']) heard(format, false, odd)
}

// The picture: no two nodes on one place, none outside, whatever the width; a loop ends.
const nodes = 'abcdefghij'.split('').map((id) => ({ id, name: id }))
const edges = [...nodes.slice(1).map(({ id }, at) => ({ from: nodes[at].id, to: id, capacity: at })), { from: 'e', to: 'b' }, { from: 'a', to: 'd' }]
for (const width of [100, 286, 519, 700, 2000]) {
  const where = layout(nodes, edges, width)
  const boxes = [...where.boxes.values()]
  assert.equal(boxes.length, nodes.length)
  for (const [at, box] of boxes.entries()) {
    assert.ok(box.x >= 0 && box.x + box.width <= where.width && box.y >= 0 && box.y + box.height <= where.height)
    for (const other of boxes.slice(at + 1)) assert.ok(box.x + box.width <= other.x || other.x + other.width <= box.x || box.y + box.height <= other.y || other.y + other.height <= box.y)
  }
  if (width >= 286) assert.ok(where.width <= width)
}

// Usage: sums are exact, the rest is one series, a spreadsheet runs nothing.
const rows = Array.from({ length: 9 }, (_, at) => ofDay({ group: `2026-11-0${1 + (at % 2)} m ${at}`, requests: 1, tokens_prompt: at, tokens_completion: 0, cost_micro_usd: '0.000001' }))
assert.deepEqual([rows[3].day, rows[3].group], ['2026-11-02', 'm 3'])
const series = seriesOf(rows, daysBetween('2026-11-01', '2026-11-02'), rows.map(({ group }) => group).reverse(), (row) => BigInt(row.tokens_prompt), (group) => group)
assert.deepEqual(series.map(({ name }) => name), ['m 8', 'm 7', 'm 6', 'm 5', 'm 4', 'm 3', '3 others'])
assert.deepEqual(series.at(-1).sums, [2n, 1n])
// Whatever the reader's spreadsheet takes for a separator or a formula.
assert.equal(csv([['a;=1+1', '\n=1', '＝1', '1;2']]), '"a;=1+1","\'\n=1",\'＝1,"1;2"\r\n')
assert.equal(csv([['=SUM(A1)', 'a,"b"', '-1', '-x']]), "'=SUM(A1),\"a,\"\"b\"\"\",-1,'-x\r\n")

// Code: nothing of the request gets out of its quotes.
const nasty = { model: 'm', stream: false, messages: [{ role: 'user', content: `'; touch /x; '$(x) \`y\` "\\"` }] }
assert.ok(snippet('curl', 'openai_chat', nasty, true, 'http://h').includes(`'\\''; touch /x; '\\''$(x)`))
assert.ok(snippet('python', 'openai_chat', nasty, true, 'http://h').includes(JSON.stringify(nasty.messages[0].content)))
