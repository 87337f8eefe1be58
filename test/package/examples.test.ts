import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { InstalledPackage } from './installed.ts'

// What a stranger can do with the package as it is published, by its doors alone.
let installed: InstalledPackage
beforeAll(async () => {
  installed = await InstalledPackage.install()
})
afterAll(() => installed.remove())

it('holds every file that its files import, at once and by need', () => {
  const dist = path.join(installed.folder, 'node_modules/peft-medaware/dist')
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'))
  const imports = files.flatMap((name) => {
    const text = readFileSync(path.join(dist, name), 'utf8')
    const found = text.matchAll(/(?:^import|^export|\bfrom|\bimport\() ?['"](\.[^'"]+)['"]/gm)
    return [...found].map(([, to = '']) => path.join(path.dirname(name), to))
  })
  expect(imports.length).toBeGreaterThan(500)
  expect(imports.filter((name) => !existsSync(path.join(dist, name)))).toEqual([])
})

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
