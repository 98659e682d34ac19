// What somebody may type into the address, answers that are too much for a page, answers that come late, and a second tab.
import assert from 'node:assert/strict'
import { filled, inBrowser, settings, signIn, visit } from './harness.mjs'

const API = `${settings.url}/console/api`
const CHUNK = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }

/** Lines of the playground's stream: an answer of these frames. */
function played(frames) {
  const lines = [
    { kind: 'head', status: 200, headers: [['content-type', 'text/event-stream']], at: 0.01 },
    ...frames.flatMap((delta) => pieces(`data: ${JSON.stringify({ ...CHUNK, choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`)),
    { kind: 'end', request_id: null, status: 200, seconds: 1 },
  ]
  return lines.map((line) => `${JSON.stringify({ at: 0.5, ...line })}\n`).join('')
}

function pieces(text) {
  return Array.from({ length: Math.ceil(text.length / 32768) }, (_, at) => ({ kind: 'bytes', text: text.slice(at * 32768, (at + 1) * 32768) }))
}

await inBrowser(async (page, open) => {
  await signIn(page)
  await filled(page)

  // An address leads to a page or says that there is none, whatever stands in it; also where the console is opened with it.
  const errors = []
  page.on('pageerror', (error) => errors.push(error.message))
  for (const name of ['constructor', '__proto__', 'toString', 'playground%']) {
    for (const go of [() => page.goto(`${settings.url}/#/${name}`), () => page.reload()]) {
      await go()
      await page.getByRole('heading', { name: 'There is no such page' }).waitFor()
    }
  }
  assert.deepEqual(errors, [])

  // More than can be drawn is cut, and said to be; nothing stands still meanwhile.
  await visit(page, 'Playground')
  let sent = ''
  let answer = ''
  await page.route(`${API}/playground`, (route) => {
    sent = route.request().postData()
    return route.fulfill({ status: 200, contentType: 'application/x-ndjson', body: answer })
  })
  const send = async () => {
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText(/^Done after/).waitFor()
  }
  const cut = page.getByRole('log').getByText(/more than a page can show/)
  for (const frames of [
    [{ content: 'word '.repeat(2_000_000) }],
    Array.from({ length: 3000 }, () => [{ content: 'a' }, { reasoning_content: 'b' }]).flat(),
    Array.from({ length: 3000 }, (_, index) => ({ tool_calls: [{ index, id: `c${index}`, function: { name: 'f', arguments: '{}' } }] })),
  ]) {
    answer = played(frames)
    await send()
    assert.equal(await cut.count(), 1)
    for (const view of ['Frames', 'Answer']) {
      await page.locator('.segments label', { hasText: view }).click()
      const [elements, characters] = await page.evaluate(() => [document.querySelectorAll('*').length, document.querySelector('main').textContent.length])
      assert.ok(elements < 10_000 && characters < 1_000_000, `${view}: ${elements} elements, ${characters} characters`)
    }
  }
  answer = played([{ content: 'short' }])
  await send()
  assert.equal(await page.getByRole('log').textContent(), 'short')

  // What is not JSON as it should be ends the request, not the page.
  answer = played([]).replace('{"at":0.5,"kind":"end"', `${JSON.stringify({ kind: 'bytes', text: 'data: null\n\n', at: 0.5 })}\n{"at":0.5,"kind":"end"`)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('The answer is no JSON object.').waitFor()

  // A raw body is sent as it is written.
  const body = '{"model": "demo/chat",\n "seed": 12345678901234567890, "temperature": 1.0, "messages": []}'
  await page.locator('.segments label', { hasText: 'Raw body' }).click()
  await page.getByLabel('Raw body, JSON').fill(body)
  answer = played([{ content: 'short' }])
  await send()
  assert.ok(sent.endsWith(`"body":${body}}`) && JSON.parse(sent).format === 'openai_chat', sent)
  await page.unroute(`${API}/playground`)

  // An answer that is overtaken by a later one is not shown.
  let late
  await page.route(/\/console\/api\/usage/, async (route) => {
    if (route.request().url().includes('by=day_model')) await new Promise((resolve) => {
      late = resolve
    })
    return route.continue()
  })
  await page.getByRole('navigation').getByRole('link', { name: 'Usage' }).click()
  const [, overtaking] = await Promise.all([
    page.locator('.segments label', { hasText: 'Key' }).click(),
    page.waitForResponse(/by=day_key/),
  ])
  await overtaking.finished()
  await filled(page)
  const shown = await page.locator('main').innerHTML()
  const [overtaken] = await Promise.all([page.waitForResponse(/by=day_model/), late()])
  await overtaken.finished()
  await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))))
  assert.equal(await page.locator('main').innerHTML(), shown)
  await page.unroute(/\/console\/api\/usage/)

  // A key that is shown once is not closed by mistake.
  await visit(page, 'Keys')
  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByRole('button', { name: 'Make the key' }).click()
  await page.getByRole('heading', { name: 'The new key' }).waitFor()
  for (let pressed = 0; pressed < 4; pressed += 1) await page.keyboard.press('Escape')
  assert.match(await page.getByLabel('The key', { exact: true }).textContent(), /^hi-/)
  await page.getByRole('button', { name: 'I have it' }).click()

  // Another tab signs out and in: signing out here ends that session, rather than seeming to.
  const other = await page.context().newPage()
  await other.goto(`${settings.url}/`)
  await other.getByRole('button', { name: 'Sign out' }).click()
  await other.getByText('You are signed out.').waitFor()
  await other.getByLabel('Console token').fill(settings.token)
  await other.keyboard.press('Enter')
  await other.getByRole('navigation').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
  await page.reload()
  await page.getByLabel('Console token').waitFor()

  // Nor is another one asked for by what is still on its way.
  await page.getByLabel('Console token').fill(settings.token)
  await page.keyboard.press('Enter')
  await visit(page, 'Playground')
  await page.locator('.segments label', { hasText: 'Form' }).click()
  await page.getByLabel('Model', { exact: true }).selectOption('slow/chat')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText(/^First token/).waitFor()
  const refused = page.waitForResponse((response) => response.status() === 401 && response.url().includes('/requests/'))
  await page.route(/\/requests\//, async (route) => {
    await page.getByText('You are signed out.').waitFor()
    return route.continue()
  })
  await page.getByRole('button', { name: 'Sign out' }).click()
  await (await refused).finished()
  await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))))
  assert.equal(await page.getByRole('dialog').count(), 0)

  // Where it cannot be, that is said.
  const third = await open()
  await signIn(third)
  await third.route(`${API}/session`, (route) => (route.request().method() === 'DELETE' ? route.fulfill({ status: 503, json: { error: { code: 'internal_error', message: 'Away.' } } }) : route.continue()))
  await third.getByRole('button', { name: 'Sign out' }).click()
  await third.getByText('You may still be signed in').waitFor()
}, /status of (403|503)/)
