// What pages of other origins try with the console of somebody who is signed in, and what text within its own page may become.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { launch, settings, signIn } from './harness.mjs'

const API = `${settings.url}/console/api`
const evil = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title><body>'))
evil.listen(0)
await once(evil, 'listening')
const { port } = evil.address()
const browser = await launch()
try {
  const context = await browser.newContext()
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  await signIn(page)
  const workspaces = () => page.evaluate(async (url) => (await (await fetch(url)).json()).data, `${API}/workspaces`)
  const before = await workspaces()
  assert.equal(before.length, 1)

  // The cookie: of this host, for no script, and for no request that another site's page makes.
  const [cookie, ...others] = await context.cookies()
  assert.deepEqual(others, [])
  const { httpOnly, sameSite, path, domain } = cookie
  assert.deepEqual({ httpOnly, sameSite, path, domain }, { httpOnly: true, sameSite: 'Strict', path: '/', domain: '127.0.0.1' })
  assert.equal(await page.evaluate(() => document.cookie), '')

  // 127.0.0.1 with another port is the same site: its requests have the cookie. localhost is another one.
  for (const host of ['127.0.0.1', 'localhost']) {
    const answers = []
    const attacker = await context.newPage()
    let tried = 0
    const allTried = new Promise((resolve) => attacker.on('request', (request) => {
      tried += request.url().startsWith(API)
      if (tried === 8) resolve()
    }))
    attacker.on('response', async (response) => {
      if (response.url().startsWith(API)) answers.push([response.request().method(), response.status()])
    })
    await attacker.goto(`http://${host}:${port}/`)
    const told = await attacker.evaluate(async ({ url, api, id }) => {
      const told = []
      const attempt = async (what, options) => {
        try {
          const response = await fetch(`${api}${what}`, { credentials: 'include', ...options })
          told.push(`${response.type} ${response.status} ${await response.text()}`)
        } catch (error) {
          told.push(error.name)
        }
      }
      const body = '{"name":"stolen"}'
      const json = { 'content-type': 'application/json' }
      await attempt('/keys', {})
      await attempt('/keys', { mode: 'no-cors' })
      await attempt('/workspaces', { method: 'POST', mode: 'no-cors', body })
      await attempt('/workspaces', { method: 'POST', headers: { ...json, 'x-csrf-token': 'x' }, body })
      await attempt(`/workspaces/${id}/lock`, { method: 'POST', mode: 'no-cors' })
      await attempt('/session', { method: 'DELETE' })
      navigator.sendBeacon(`${api}/workspaces`, new Blob([body], { type: 'text/plain' }))
      const loaded = (element) => new Promise((resolve) => {
        element.onload = () => resolve('loaded')
        element.onerror = () => resolve('refused')
        document.body.append(element)
      })
      told.push(await loaded(Object.assign(document.createElement('script'), { src: `${url}/console/assets/js/main.js` })))
      told.push(await loaded(Object.assign(document.createElement('img'), { src: `${url}/console/assets/icon.svg` })))
      await loaded(Object.assign(document.createElement('iframe'), { src: url, name: 'frame' }))
      // A frame of its own: the refused one may still be changing to its error, and then drops what is sent into it.
      document.body.append(Object.assign(document.createElement('iframe'), { name: 'answer' }))
      const form = Object.assign(document.createElement('form'), {
        action: `${api}/workspaces/${id}/lock`, method: 'POST', enctype: 'text/plain', target: 'answer',
      })
      document.body.append(form)
      form.submit()
      return told
    }, { url: settings.url, api: API, id: before[0].id })
    assert.deepEqual(told.filter((each) => /\S{3}.*\{/.test(each)), [], 'nothing is read')
    assert.deepEqual(told.slice(-2), ['refused', 'refused'], 'nor loaded')
    await attacker.waitForFunction(() => frames.length === 2)
    assert.equal(attacker.frames().filter((frame) => frame.url().startsWith(settings.url) && frame !== attacker.mainFrame()).length, 0, 'nor framed')
    const opened = context.waitForEvent('page')
    await attacker.evaluate((url) => { globalThis.opened = open(url) }, settings.url)
    await (await opened).waitForLoadState()
    await attacker.waitForFunction(() => globalThis.opened.closed, undefined, { polling: 50 })
    await (await opened).close()
    const late = setTimeout(() => assert.fail(`only ${tried} were sent`), 15_000)
    await allTried
    clearTimeout(late)
    const let_through = answers.filter(([method, status]) => method !== 'OPTIONS' && ![401, 403].includes(status))
    assert.deepEqual(let_through, [], host)
    await attacker.close()
  }
  assert.deepEqual(await workspaces(), before)

  // Within the page: text stays text, and nothing goes elsewhere.
  const within = await page.evaluate(async (elsewhere) => {
    const attempt = async (what) => {
      try {
        await what()
        return 'done'
      } catch (error) {
        return error.name
      }
    }
    const host = document.createElement('p')
    document.body.append(host)
    const outcomes = [
      await attempt(() => { host.innerHTML = '<img src="x" onerror="globalThis.hacked = 1">' }),
      await attempt(() => { const script = document.createElement('script'); script.text = 'globalThis.hacked = 1'; document.body.append(script) }),
      await attempt(() => fetch(elsewhere)),
      await attempt(() => new Promise((resolve, reject) => {
        const image = new Image()
        image.onload = resolve
        image.onerror = () => reject(Object.assign(new Error(), { name: 'refused' }))
        image.src = `${elsewhere}x.png`
      })),
    ]
    host.setAttribute('style', 'position: fixed')
    outcomes.push(await attempt(() => host.setAttribute('onclick', 'globalThis.hacked = 1')))
    host.click()
    outcomes.push(getComputedStyle(host).position, String(globalThis.hacked))
    host.remove()
    return outcomes
  }, `http://localhost:${port}/`)
  assert.deepEqual(within, ['TypeError', 'TypeError', 'TypeError', 'refused', 'TypeError', 'static', 'undefined'])

  // Signed out is signed out: also a copy of the cookie.
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Console token').waitFor()
  assert.deepEqual(await context.cookies(), [])
  await context.addCookies([cookie])
  assert.equal(await page.evaluate(async (url) => (await fetch(url)).status, `${API}/session`), 401)
  console.log('null')
} finally {
  await browser.close()
  evil.close()
  evil.closeAllConnections()
}
