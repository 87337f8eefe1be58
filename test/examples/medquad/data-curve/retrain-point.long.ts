import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { CurveRecord } from '../../../../examples/medquad/experiments/data-curve/records.ts'
import { medquad } from '../medquad-files.ts'
import { root } from '../../../programs/run-program.ts'
import { start } from '../run-script.ts'

if (existsSync(medquad)) {
  it('trains the cheapest point of docs/results/data-curve.md again, and measures what its record has', async () => {
    const recorded = JSON.parse(
      readFileSync(join(root, 'docs/results/experiments/data-curve.json'), 'utf8'),
    ) as CurveRecord
    const out = mkdtempSync(join(tmpdir(), 'data-curve-'))
    const args = ['--data', medquad, '--device', 'cpu', '--only', '100', '--seeds', '0', '--out', out]
    const { code, stderr } = await start('experiments/data-curve/data-curve', args)
    expect(code, stderr).toBe(0)
    const again = JSON.parse(readFileSync(join(out, 'record.json'), 'utf8')) as CurveRecord
    rmSync(out, { recursive: true })
    expect(again.settings).toEqual(recorded.settings)
    expect(again.questions).toEqual(recorded.questions)
    const [before, after] = [recorded.points[0], again.points[0]]
    expect(after).toMatchObject({ size: 100, seed: 0, drawn: before?.drawn, steps: before?.steps })
    // Other builds of the engine add in another order.
    const total = (nats: readonly number[] = []) => nats.reduce((sum, each) => sum + each, 0)
    for (const key of ['best', 'fixed'] as const) {
      const ratio = total(after?.nats[key]) / total(before?.nats[key])
      expect(Math.abs(ratio - 1), `nats at ${key}`).toBeLessThan(0.01)
    }
  }, 1_200_000)
} else {
  it('is told that no point of the data curve was trained again', () => {
    console.warn(`MedQuAD is not at ${medquad}: no point of docs/results/data-curve.md was trained again`)
  })
}
