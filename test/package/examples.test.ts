import { afterAll, beforeAll, expect, it } from 'vitest'
import { InstalledPackage } from './installed.ts'

// What a stranger can do with the package as it is published, by its doors alone.
let installed: InstalledPackage
beforeAll(async () => {
  installed = await InstalledPackage.install()
})
afterAll(() => installed.remove())

it("own-loss: DPO begins at log 2 and ends with each chosen answer's reward well above the other's", async () => {
  const printed = await installed.run('examples/own-loss/own-loss.ts', 'examples/medquad/base')
  expect(printed).toMatch(/^step 1: loss 0\.693\nstep 5: loss 0\.\d+\nstep 9: loss 0\.0\d+\n/)
  const margins = [...printed.matchAll(/margin (-?[\d.]+)/g)].map(([, margin]) => Number(margin))
  expect(margins.length).toBe(4)
  expect(Math.min(...margins)).toBeGreaterThan(3)
})

it('own-method: an adapter of another method learns, and is the same opened from its files and merged', async () => {
  const printed = await installed.run('examples/own-method/own-method.ts', 'examples/medquad/base')
  const [, before = '', ...after] =
    /^before ([\d.]+)\ntrained ([\d.]+)\nopened ([\d.]+)\nmerged ([\d.]+)\n$/.exec(printed) ?? []
  expect(Number(before)).toBeGreaterThan(3)
  expect(Number(after[0])).toBeLessThan(1)
  expect(new Set(after).size).toBe(1)
})
