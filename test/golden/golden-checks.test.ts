import { afterAll, describe, expect, it } from 'vitest'
import { testEngines } from '../device/devices.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { type GoldenCheck, goldenChecks } from './golden-checks.ts'
import { GoldenFolder } from './golden-folder.ts'

const [device] = await testEngines()
if (device === undefined) throw new Error('no device')
afterAll(() => device.dispose())

const model = ['config.json', 'model.safetensors']
const adapter = ['adapter_config.json', 'adapter_model.safetensors'].map((file) => `adapters/prompt/${file}`)

/** Checks of a folder that has some of a fixture's files. */
async function checksOf(files: readonly string[], dtype: 'f32' | 'f16' = 'f32'): Promise<GoldenCheck[]> {
  const paths = files.map((file) => `tiny-falcon-rw/${file}`)
  const golden = new GoldenFolder(paths, async (path) => bytesSource(await readFixture(path), path))
  const lines = []
  for await (const line of goldenChecks(
    golden,
    [device].flatMap((each) => each ?? []),
    { dtype },
  ))
    lines.push(line)
  await golden.close()
  return lines
}

const leftOut = (lines: readonly GoldenCheck[]) =>
  lines.flatMap(({ group, check }) => ('leftOut' in check ? [`${group}: ${check.name}`] : []))

describe('golden folders', () => {
  it('list every optional file that is absent, by name', async () => {
    const lines = await checksOf(model)
    expect(leftOut(lines)).toEqual([
      'tiny-falcon-rw: reference.safetensors',
      'tiny-falcon-rw/packed: packed.safetensors',
      'tiny-falcon-rw: adapters',
      'tiny-falcon-rw/starts/pissa: reference.safetensors',
      'tiny-falcon-rw/starts/pissa: starts/pissa.safetensors',
      'tiny-falcon-rw/starts/olora: reference.safetensors',
      'tiny-falcon-rw/starts/olora: starts/olora.safetensors',
      'tiny-falcon-rw/adamw: adamw-10-steps.safetensors',
    ])
    expect(lines).toHaveLength(8)
    expect(leftOut(await checksOf([...model, ...adapter]))).toEqual(
      expect.arrayContaining([
        'tiny-falcon-rw/prompt: reference.safetensors',
        'tiny-falcon-rw/prompt: adapters/prompt/reference.safetensors',
      ]),
    )
    expect(leftOut(await checksOf(model, 'f16'))).toContain('tiny-falcon-rw in f16: reference.safetensors')
  })

  it('compare what is there', async () => {
    const lora = ['adapter_config.json', 'adapter_model.safetensors', 'reference.safetensors']
    const files = [...model, 'reference.safetensors', ...lora.map((file) => `adapters/lora/${file}`)]
    const made = (await checksOf(files)).filter(({ group }) => group.endsWith('/lora'))
    expect(made).toHaveLength(7)
    expect(made.filter(({ check }) => !('ok' in check) || !check.ok)).toEqual([])
  })

  it('tell what fails', async () => {
    const [line] = await checksOf(['config.json', 'reference.safetensors'])
    expect(line?.check).toMatchObject({ ok: false })
  })
})
