import { expect, it } from 'vitest'
import { fourLines, isTrained, textOf, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'

const open = usePage('test-browser-run')

it('draws training and held-out loss with their numbers beside, tells of memory, and samples by step', async () => {
  const { page, url } = open
  await visit(page, url)
  await page.locator('#steps').fill('8')
  await page.locator('#batch').fill('2')
  await page.getByText('What is asked').click()
  await page.getByLabel('A question a line').fill('What is asthma?\n\nWhat is gout?')
  await page.locator('#start').click()
  await isTrained(page)
  expect(await textOf(page, 'train-status')).toBe('Done: step 8 of 8.')
  const label = await page.locator('#loss-chart').getAttribute('aria-label')
  expect(label).toMatch(
    /^Loss \(nats a token\): [\d.]+ at step 1, [\d.]+ at step 8; held-out [\d.]+ at step 0, [\d.]+ at step 8$/,
  )
  expect(await page.locator('#curve-loss .summary').textContent()).toBe(`${label}.`)
  expect(await page.locator('#loss-chart circle.held-out').count()).toBe(9)
  expect(await page.locator('#loss-chart circle.training').count()).toBe(8)
  expect(await page.locator('#rate-chart').getAttribute('aria-label')).toMatch(/^Learning rate: 0 at step 1, /)

  expect(await page.locator('#curve-loss table').count()).toBe(0)
  await page.getByText('Loss (nats a token) in numbers').click()
  const rows = await page.locator('#curve-loss tr').evaluateAll((all) => {
    return all.map((row) => [...row.children].map(({ textContent }) => textContent))
  })
  expect(rows[0]).toEqual(['step', 'training', 'moving mean', 'held out'])
  expect(rows.slice(1).map(([step]) => step)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8'])
  expect(label).toContain(`held-out ${rows[1]?.[3]} at step 0, ${rows[9]?.[3]} at step 8`)
  expect(Number(await textOf(page, 'figure-held-out'))).toBeCloseTo(Number(rows[9]?.[3]), 2)
  expect(Number(await textOf(page, 'figure-bits'))).toBeGreaterThan(0)

  expect(await textOf(page, 'memory-words')).toMatch(
    /^[\d.]+ MB held now, [\d.]+ MB at its peak; planned were at most [\d.]+ MB\.$/,
  )
  const [value, most] = await page
    .locator('#memory')
    .evaluate((meter: HTMLMeterElement): [number, number] => [meter.value, meter.max])
  expect(value).toBeGreaterThan(1e6)
  expect(value).toBeLessThan(most)

  const samples = page.locator('#samples li')
  expect(await samples.locator('h3').allTextContents()).toEqual(
    ['Before training', 'Step 2', 'Step 4', 'Step 6', 'Step 8'].flatMap((when) => [when, when]),
  )
  expect(await samples.locator('.note').nth(1).textContent()).toBe('What is gout?')
  expect((await samples.locator('.answer').first().textContent())?.length).toBeGreaterThan(5)
})

it('leaves the samples out where they are switched off, and holds out none of four', async () => {
  const { page, url } = open
  await visit(page, url)
  await page.locator('#data').fill(fourLines)
  await page.getByText('4 questions with answers.').waitFor()
  await page.getByText('What is asked').click()
  await page.getByLabel('Answer these before').uncheck()
  await page.locator('#steps').fill('3')
  await page.locator('#start').click()
  await isTrained(page)
  expect(await page.locator('#samples li').count()).toBe(0)
  expect(await textOf(page, 'figure-held-out')).toBe('–')
  expect(await page.locator('#loss-chart').getAttribute('aria-label')).not.toContain('held-out')
})
