import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { start } from './run-script.ts'

const work = mkdtempSync(join(tmpdir(), 'medquad-pretrain-'))
const data = ['--data', 'examples/medquad/sample', '--device', 'cpu']
const small = [...data, '--tokens', '8000', '--hidden', '32', '--layers', '2', '--vocab', '400', '--length', '64']
const read = (path: string): Buffer => readFileSync(join(work, path))

afterAll(() => rmSync(work, { recursive: true, force: true }))

it('npm run medquad:pretrain makes a base from a seed, the same one each time, that the recipe takes', async () => {
  const [first, second] = await Promise.all(
    ['first', 'second'].map((name) => start('pretrain', [...small, '--out', join(work, name)])),
  )
  expect(first?.stderr).not.toContain('error')
  expect([first?.code, second?.code]).toEqual([0, 0])
  const files = ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
  expect(readdirSync(join(work, 'first')).sort()).toEqual(files)
  for (const name of files.slice(1)) expect(read(`first/${name}`).equals(read(`second/${name}`)), name).toBe(true)
  expect(read('first/README.md').toString()).toContain('Ben Abacha')

  const quick = ['--steps', '2', '--eval', '2', '--batch', '2', '--accumulate', '1', '--max-length', '64']
  const tuned = await start('medquad', [
    ...data,
    ...quick,
    '--model',
    join(work, 'first'),
    '--out',
    join(work, 'tuned'),
  ])
  expect(tuned.stderr).not.toContain('error')
  expect(tuned.code).toBe(0)
})

it('goes on after Ctrl-C to the same base', async () => {
  // It says how far it is after two seconds, which this takes several times.
  const args = [...small, '--tokens', '240000', '--out', join(work, 'parts')]
  const stopped = await start('pretrain', args, {
    watch: (text, stop) => {
      if (/step \d+\//.test(text)) stop()
    },
  })
  expect(stopped.code).toBe(130)
  const rest = await start('pretrain', args)
  expect(rest.stdout).toMatch(/resumed {4}at step \d+/)
  const whole = await start('pretrain', [...args, '--out', join(work, 'whole')])
  expect([rest.code, whole.code]).toEqual([0, 0])
  expect(read('parts/model.safetensors').equals(read('whole/model.safetensors'))).toBe(true)
})

it('the base that comes with the recipe fits its limit of 4 MB', () => {
  const folder = 'examples/medquad/base'
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  expect(bytes).toBeLessThan(4_000_000)
})
