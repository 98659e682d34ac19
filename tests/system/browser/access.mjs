// Every page for everybody: what axe finds in both schemes, a narrow window, the keyboard alone, no motion, a session that ends.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { filled, fits, inBrowser, settings, signIn, violations, visit } from './harness.mjs'

const PAGES = ['Models', 'Usage', 'Requests', 'Keys', 'Playground']

async function sent(page) {
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText(/^Done after/).waitFor()
  await page.getByRole('link', { name: 'The whole record' }).waitFor()
}

await inBrowser(async (wide, open) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = colorScheme === 'light' ? wide : await open({ colorScheme, viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' })
    await page.goto(`${settings.url}/`)
    await page.getByLabel('Console token').waitFor()
    assert.deepEqual(await violations(page), [])
    await fits(page)
    await signIn(page)
    await filled(page)
    await sent(page)
    const look = async () => {
      assert.deepEqual(await violations(page), [], page.url())
      await fits(page)
    }
    await look()
    for (const view of ['Frames', 'Timings']) {
      await page.locator('.segments label', { hasText: view }).click()
      await look()
    }
    await page.getByRole('button', { name: 'Copy as code' }).click()
    await look()
    await page.keyboard.press('Escape')
    for (const name of PAGES.slice(0, 4)) {
      await visit(page, name)
      await look()
      if (name === 'Requests') {
        await page.locator('tbody a').first().click()
        await page.getByRole('heading', { name: 'Arithmetic' }).waitFor()
        await look()
      }
      if (name === 'Keys') {
        await page.getByRole('button', { name: 'New key' }).click()
        await look()
        await page.keyboard.press('Escape')
      }
    }
    if (colorScheme === 'dark') assert.equal(await page.locator('.pulse').count(), 0)
  }

  // The keyboard alone, from the address to an answer and on to another page.
  const page = await open()
  await page.goto(`${settings.url}/`)
  await page.getByLabel('Console token').waitFor()
  await page.keyboard.type(settings.token)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Send' }).waitFor()
  const focused = () => page.evaluate(() => {
    const element = document.activeElement
    return element.getAttribute('name') ?? element.getAttribute('aria-label') ?? element.textContent.trim()
  })
  const tabTo = async (wanted) => {
    for (let pressed = 0; pressed < 60; pressed += 1) {
      await page.keyboard.press('Tab')
      if (wanted.test(await focused())) return
    }
    assert.fail(`no Tab leads to ${wanted}`)
  }
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Tab')
  assert.equal(await focused(), 'Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  await tabTo(/^message$/)
  await page.keyboard.press('Control+Enter')
  await page.getByText(/^Done after/).waitFor()
  await tabTo(/^Send$/)
  await page.keyboard.press('Shift+Tab')
  assert.ok(await page.evaluate(() => document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'))
  await page.evaluate(() => document.activeElement.blur())
  await tabTo(/^Usage$/)
  await page.keyboard.press('Enter')
  await page.locator('.plot').first().waitFor()
  assert.equal(await focused(), 'Usage')
  await tabTo(/^\d{4}-\d\d-\d\d: /)
  const day = await focused()
  await page.keyboard.press('ArrowLeft')
  assert.notEqual(await focused(), day)
  await page.locator('.tip:visible').waitFor()
  await page.getByRole('button', { name: /^Scheme/ }).click()
  await page.reload()
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light')

  // A session that ends is asked for again in its place: what was written stays, and is sent.
  await visit(page, 'Playground')
  await page.getByLabel('Message', { exact: true }).fill('still here')
  const [program, ...words] = settings.newToken
  const { token } = JSON.parse(execFileSync(program, words, { encoding: 'utf8' }))
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('dialog').getByLabel('Console token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('log').getByText('You wrote: “still here”').waitFor()
  await page.getByText(/^Done after/).waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
  await page.reload()
  await page.getByLabel('Console token').waitFor()
})
