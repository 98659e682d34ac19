// Keys made, used, limited, disabled and revoked; workspaces; and that requests and usage show what was done.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { filled, inBrowser, settings, signIn, visit } from './harness.mjs'

const asked = (key) => fetch(`${settings.url}/api/v1/chat/completions`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ model: 'slow/chat', max_tokens: 20, messages: [{ role: 'user', content: 'count' }] }),
})

await inBrowser(async (page) => {
  await signIn(page)
  await visit(page, 'Keys')
  await page.getByRole('button', { name: 'New workspace' }).click()
  await page.getByLabel('Name').fill('lab & “co”')
  await page.getByLabel('Credits').fill('12.345678901234')
  await page.getByRole('dialog').getByRole('button', { name: 'Make the workspace' }).click()
  await page.getByText('There is', { exact: false }).or(page.getByText('No key yet')).first().waitFor()
  await page.locator('dd[title="$12.345678901234"]').waitFor()

  await page.getByRole('button', { name: 'Top up' }).click()
  await page.getByLabel('Amount').fill('0.000000000001')
  await page.getByRole('dialog').getByRole('button', { name: 'Top up' }).click()
  await page.locator('dd[title="$12.345678901235"]').waitFor()

  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByLabel('Name').fill('probe')
  await page.getByLabel('A day').fill('1.25')
  await page.getByLabel('Requests a minute').fill('30')
  await page.getByLabel('All models').uncheck()
  await page.getByRole('dialog').getByLabel('slow/chat').check()
  await page.getByRole('button', { name: 'Make the key' }).click()
  const key = await page.getByLabel('The key', { exact: true }).innerText()
  assert.match(key, /^hi-/)
  await page.getByRole('button', { name: 'I have it' }).click()
  const row = page.getByRole('row', { name: /probe/ })
  assert.match(await row.innerText(), /\$1\.25 a day[^]*30 requests a minute[^]*slow\/chat/)
  assert.ok(!(await page.content()).includes(key))

  assert.equal((await asked(key)).status, 200)
  const confirmed = async (verb, button) => {
    await row.getByRole('button', { name: new RegExp(verb) }).click()
    await page.getByRole('dialog').getByRole('button', { name: button }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await confirmed('Disable', 'Disable')
  await row.getByText('disabled').waitFor()
  assert.equal((await asked(key)).status, 401)
  await row.getByRole('button', { name: /Enable/ }).click()
  await row.getByText('active').waitFor()
  assert.equal((await asked(key)).status, 200)

  await page.getByRole('button', { name: 'Lock' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Lock' }).click()
  await page.getByText('locked', { exact: true }).waitFor()
  assert.notEqual((await asked(key)).status, 200)
  await page.getByRole('button', { name: 'Unlock' }).click()
  await page.getByText('locked', { exact: true }).waitFor({ state: 'detached' })

  await confirmed('Revoke', 'Revoke for good')
  await page.getByRole('button', { name: 'Show 1 revoked' }).click()
  await row.getByText('revoked').waitFor()
  assert.equal((await asked(key)).status, 401)

  // What was asked is among the requests, and opens to its arithmetic.
  await visit(page, 'Requests')
  await page.getByLabel('Model').selectOption('slow/chat')
  await page.getByLabel('Status').selectOption('completed')
  await filled(page)
  const rows = page.locator('tbody tr')
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2)
  assert.match(await rows.first().innerText(), /probe\s+lab & “co”/)
  await rows.first().getByRole('link').click()
  await page.getByRole('heading', { name: 'Arithmetic' }).waitFor()
  const shown = await page.locator('main').innerText()
  // 7 × 1.25 µ$ + 20 × 10.000001 µ$
  for (const part of ['$0.00020875002', '$0.00000125', 'slow / chat', 'HTTP 200']) assert.ok(shown.includes(part), `${part} is not in ${shown}`)
  await page.goBack()
  await filled(page)
  assert.equal(await page.getByLabel('Model').inputValue(), 'slow/chat')

  // … and in the usage: both plots, the tables, the file.
  await visit(page, 'Usage')
  await page.getByText('Spend by day').waitFor()
  assert.match(await page.locator('.plot').first().locator('.day').last().getAttribute('aria-label'), /: \$0\.00041\d+/)
  await page.locator('.segments label', { hasText: 'Key' }).click()
  await page.getByRole('heading', { name: 'By key' }).waitFor()
  assert.match(await page.getByRole('row', { name: /probe/ }).innerText(), /\$0\.00041750004/)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download as CSV' }).click()
  const file = readFileSync(await (await downloading).path(), 'utf8')
  assert.match(file, /^day,key,requests,tokens_prompt,tokens_completion,cost_usd\r\n/)
  assert.match(file, /,probe,2,14,40,0\.00041750004/)

  // A model is found, and tried.
  await visit(page, 'Models')
  await page.getByLabel('Search').fill('slow chat')
  await page.getByText(/^1 of \d+ models/).waitFor()
  await page.getByRole('link', { name: 'Try' }).click()
  await page.getByRole('heading', { name: 'Playground' }).waitFor()
  assert.equal(await page.getByLabel('Model').inputValue(), 'slow/chat')
})
