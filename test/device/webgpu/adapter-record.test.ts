import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AdapterRecord } from '../../../src/device/webgpu/programs/adapter-record.ts'

let folder: string
const home = process.env['XDG_CACHE_HOME']
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'record-'))
  process.env['XDG_CACHE_HOME'] = folder
})
afterEach(async () => {
  await rm(folder, { recursive: true })
  if (home === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = home
})

const nothing = { choices: {}, struck: [], isTested: false }
const open = (adapter = 'nvidia | hopper', programs = 'wgsl') => new AdapterRecord(adapter, programs).read()
const files = async () => {
  const names = await readdir(join(folder, 'peft-medaware'))
  return names.map((name) => join(folder, 'peft-medaware', name))
}

it('keeps what is added, from one opening to the next', async () => {
  const record = await open()
  expect(record.findings).toEqual(nothing)
  await record.add({ choices: { a: 'x' }, struck: ['s'] })
  await record.add({ choices: { b: 'y' }, isTested: true })
  const all = { choices: { a: 'x', b: 'y' }, struck: ['s'], isTested: true }
  expect(record.findings).toEqual(all)
  expect((await open()).findings).toEqual(all)
  expect(await files()).toHaveLength(1)
})

it('does not lose what another process added meanwhile', async () => {
  const [one, two] = [await open(), await open()]
  await one.add({ choices: { a: 'x' } })
  await two.add({ choices: { b: 'y' } })
  expect((await open()).findings.choices).toEqual({ a: 'x', b: 'y' })
})

it('keeps adapters and builds apart', async () => {
  await (await open()).add({ isTested: true })
  expect((await open('amd | rdna-3')).findings).toEqual(nothing)
  expect((await open('nvidia | hopper', 'other wgsl')).findings).toEqual(nothing)
})

it.each([
  ['half a file', (text: string) => text.slice(0, text.length / 2)],
  ['another adapter under the same name', (text: string) => text.replace('nvidia', 'amd')],
  ['choices that are no names', (text: string) => text.replace('"x"', '7')],
  ['a list', () => '[]'],
  ['null', () => 'null'],
  ['nothing', () => ''],
])('finds nothing in a damaged file, and writes it anew: %s', async (_, damage) => {
  await (await open()).add({ choices: { a: 'x' }, isTested: true })
  const [path = ''] = await files()
  await writeFile(path, damage(await readFile(path, 'utf8')))
  const record = await open()
  expect(record.findings).toEqual(nothing)
  await record.add({ choices: { b: 'y' } })
  expect((await open()).findings).toEqual({ ...nothing, choices: { b: 'y' } })
})

it('does without a folder it may not write to', async () => {
  await writeFile(join(folder, 'peft-medaware'), 'a file where the folder would be')
  const record = await open()
  await record.add({ choices: { a: 'x' } })
  expect(record.findings.choices).toEqual({ a: 'x' })
  expect((await open()).findings).toEqual(nothing)
})
