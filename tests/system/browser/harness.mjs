// A real Chromium for tests of the console, and everything that it must not do meanwhile.
//
//     node SCENARIO.mjs PACKAGES SETTINGS      PACKAGES: the folder with node_modules. SETTINGS: JSON, {url, token, key, folder, …}
//
// A scenario ends with status 0, or throws. What it has found for the test that runs it, it prints as one line of JSON.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [packages, text] = process.argv.slice(2)
const resolve = createRequire(`${packages}/package.json`).resolve
const { chromium } = (await import(pathToFileURL(resolve('playwright-core')))).default

export const settings = JSON.parse(text)

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

/** What the browser itself says of answers that pages count on: "not signed in", and a record that is not there yet. */
const expected = (message) => /status of 401/.test(message.text())
  || (/status of 404/.test(message.text()) && message.location().url.startsWith(`${settings.url}/console/api/requests/`))

/** A browser. Whoever starts it closes it. */
export const launch = () => chromium.launch({ executablePath: settings.chromium, args: FLAGS })

/**
 * Runs a scenario in a browser, on a page of its own.
 * @param {(page: import('playwright-core').Page, open: (options: object) => Promise<import('playwright-core').Page>) => Promise<unknown>} scenario
 * @param {RegExp} [provoked] what the browser says of what the scenario does on purpose
 */
export async function inBrowser(scenario, provoked = /(?!)/) {
  const browser = await launch()
  const wrong = []
  const open = async (options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options })
    context.setDefaultTimeout(15_000)
    const page = await context.newPage()
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !expected(message) && !provoked.test(message.text())) wrong.push(`${message.type()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => wrong.push(`exception: ${error.stack}`))
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(`${settings.url}/`) && !/^(data|blob):/.test(url)) wrong.push(`request to elsewhere: ${url}`)
    })
    return page
  }
  try {
    const found = await scenario(await open(), open)
    assert.deepEqual(wrong, [])
    console.log(JSON.stringify(found ?? null))
  } finally {
    await browser.close()
  }
}

/** Opens the console and signs in. */
export async function signIn(page, token = settings.token) {
  await page.goto(`${settings.url}/`)
  await page.getByLabel('Console token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').waitFor()
}

/** Goes to a page by its link, and waits until it is filled. */
export async function visit(page, name) {
  await page.getByRole('navigation').getByRole('link', { name }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await filled(page)
}

/** Waits until nothing on the page is still loading. */
export async function filled(page) {
  await page.waitForFunction(() => !document.querySelector('main [aria-busy], main .loading'))
}

/** The violations that axe finds, of the worse kinds. */
export async function violations(page) {
  // Evaluated by the debugger, which the page's policy does not bind; a script tag would be refused.
  await page.evaluate(readFileSync(resolve('axe-core/axe.min.js'), 'utf8'))
  const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return found
    .filter(({ impact }) => ['serious', 'critical', 'moderate'].includes(impact))
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(' ')}`)
}

/** Asserts that nothing sticks out at the side. */
export async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`)
}
