// The playground, as somebody uses it: each format streamed and whole, frames as a client gets them, stopping, code to copy.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { inBrowser, settings, signIn } from './harness.mjs'

const run = promisify(execFile)
const PATHS = { Chat: '/api/v1/chat/completions', Responses: '/api/v1/responses', Messages: '/api/v1/messages' }

/** What differs from one request to the next. */
const unlike = (text) => text
  .replace(/\b(gen-|resp_|msg_|rs_|call_)?0[0-9a-z]{24}(_\d+)?\b/g, 'ID')
  .replace(/"(created|created_at|completed_at)":\d+/g, '"$1":0')
  .replace(/"(obfuscation|signature)":"[^"]*"/g, '"$1":""')

const choose = (page, name) => page.locator('.segments label', { hasText: name }).click()

async function send(page) {
  const asking = page.waitForRequest((request) => request.url().endsWith('/console/api/playground'))
  await page.getByRole('button', { name: 'Send' }).click()
  const request = await asking
  await page.getByText(/^Done after/).waitFor()
  const lines = (await page.evaluate(() => globalThis.answered)).trim().split('\n').map((line) => JSON.parse(line))
  return { lines, asked: JSON.parse(request.postData()) }
}

await inBrowser(async (page) => {
  // The browser keeps no body that was read as a stream: a copy is made on the way.
  await page.addInitScript(() => {
    const { fetch } = globalThis
    globalThis.fetch = async (...asked) => {
      const response = await fetch(...asked)
      if (String(asked[0]).endsWith('/playground') && response.ok) globalThis.answered = response.clone().text().catch(() => '')
      return response
    }
  })
  await page.goto(`${settings.url}/`)
  await page.getByLabel('Console token').fill('hc-somebody-elses-token-0000000000000000000')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').filter({ hasText: /./ }).waitFor()
  await signIn(page)
  await page.getByLabel('Model').selectOption('demo/chat')
  await page.getByLabel('Message', { exact: true }).fill('It’s <b>me</b>: how much is "3 < 4"?')
  await page.getByLabel('Reasoning').selectOption('low')

  for (const [format, path] of Object.entries(PATHS)) {
    await choose(page, format)
    for (const streamed of [true, false]) {
      await page.getByLabel('Streamed').setChecked(streamed)
      const { lines, asked } = await send(page)
      const said = await page.getByRole('log').innerText()
      assert.match(said, /You wrote: “It’s <b>me<\/b>/)
      assert.match(said, /Reasoning/)

      // The picture: every node of the graph, with what it handled.
      const { nodes } = lines.find(({ kind }) => kind === 'graph')
      assert.deepEqual(await page.locator('.picture .node').evaluateAll((found) => found.map((each) => each.dataset.node)), nodes.map(({ id }) => id))
      for (const name of ['decode', 'admit', 'encode', 'settle']) assert.match(await page.locator(`.picture .node[data-node="${name}"]`).getAttribute('aria-label'), /: done, [1-9]/)

      // The raw frames: what any client of that format gets.
      await choose(page, 'Frames')
      const shown = (await page.locator('.raw-list pre').allInnerTexts()).join('\n\n')
      await choose(page, 'Answer')
      const client = await fetch(settings.url + path, {
        method: 'POST', body: JSON.stringify(asked.body), headers: { Authorization: `Bearer ${settings.key}`, 'Content-Type': 'application/json' },
      })
      assert.equal(unlike(shown.trim()), unlike((await client.text()).trim()))

      await page.getByRole('link', { name: 'The whole record' }).waitFor()
    }
  }

  // Code to copy, run as it stands.
  await choose(page, 'Chat')
  await page.getByLabel('Streamed').setChecked(true)
  await page.getByText('Strict: refuse').click()
  const written = []
  for (const format of Object.keys(PATHS)) {
    await choose(page, format)
    await page.getByRole('button', { name: 'Copy as code' }).click()
    const code = page.getByRole('dialog').locator('pre')
    const file = `${settings.folder}/${format}.mts`
    written.push(['bash', '-ec', (await code.innerText()).replace('curl ', 'curl -sS ')])
    await choose(page, 'Python')
    written.push([settings.python, '-c', await code.innerText()])
    await choose(page, 'TypeScript')
    writeFileSync(file, await code.innerText())
    written.push([process.execPath, file])
    await page.keyboard.press('Escape')
  }
  const env = { ...process.env, HYPERINFER_API_KEY: settings.key }
  const running = written.map(([program, ...words]) => run(program, words, { env }))

  // The gateway's own tool is told of, and the raw body is sent as it stands.
  await page.getByText('Strict: refuse').click()
  await choose(page, 'Messages')
  await page.getByLabel('datetime').check()
  await send(page)
  assert.match(await page.getByRole('log').innerText(), /gateway's tool datetime/)
  await choose(page, 'Raw body')
  const body = JSON.parse(await page.getByLabel('Raw body, JSON').inputValue())
  assert.deepEqual(body.plugins, [{ id: 'datetime' }])
  await page.getByLabel('Raw body, JSON').fill('{"model": ')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText(/This is not a JSON object/).waitFor()
  await page.getByLabel('Raw body, JSON').fill(JSON.stringify({ ...body, model: 'no/such' }))
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('log').getByText(/no\/such/).waitFor()

  // A reload loses nothing; a slow answer is stopped, and the gateway knows.
  await page.reload()
  await page.getByLabel('Raw body, JSON').waitFor()
  await choose(page, 'Form')
  await choose(page, 'Chat')
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'It’s <b>me</b>: how much is "3 < 4"?')
  await page.getByLabel('datetime').uncheck()
  await page.getByLabel('Model').selectOption('slow/chat')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('log').getByText('tick').waitFor()
  await page.locator('.pulse').first().waitFor({ state: 'attached' })
  await page.getByRole('button', { name: 'Stop' }).first().click()
  await page.getByText('Stopped. What was made by then is billed.').waitFor()
  await page.locator('.figures dd', { hasText: 'cancelled' }).waitFor()
  await page.locator('.node[data-node="meter"][data-state="stopped"]').waitFor()
  await page.getByRole('button', { name: /^Replay/ }).click()
  await page.locator('.node[data-node="meter"][data-state="item"]').waitFor()
  for (const { stdout, stderr } of await Promise.all(running)) assert.match(stdout, /3 < 4/, stderr)
})
