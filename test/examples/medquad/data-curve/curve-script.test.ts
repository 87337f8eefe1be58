import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CurveRecord } from '../../../../examples/medquad/experiments/data-curve/records.ts'
import { start } from '../run-script.ts'

const work = mkdtempSync(join(tmpdir(), 'medquad-curve-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

const script = 'experiments/data-curve/data-curve'
const tiny = [
  ...['--data', 'examples/medquad/sample', '--device', 'cpu', '--sizes', '8,16,24', '--measured', '6'],
  ...['--validation', '6', '--fixed-steps', '2', '--validate-every', '1', '--batch', '4', '--max-length', '40'],
  ...['--answers', '1', '--out', work],
]
const read = (name: string) => readFileSync(join(work, name), 'utf8')
const record = () => JSON.parse(read('record.json')) as CurveRecord

describe('npm run medquad:data-curve', () => {
  it('trains each point, fits and draws', async () => {
    writeFileSync(join(work, 'page.md'), '<!-- table: sizes -->\n\n\n\n<!-- end -->\n')
    const first = await start(script, [...tiny, '--seeds', '0', '--page', join(work, 'page.md')])
    expect(first.code, first.stderr).toBe(0)
    const { questions, base, points } = record()
    expect(points.map(({ size, seed, pairs }) => [size, seed, pairs])).toEqual(
      [8, 16, 24].map((size) => [size, 0, size]),
    )
    expect(points.map(({ steps }) => steps)).toEqual([2, 4, 6])
    for (const { nats, best, validation, answers } of points) {
      expect(nats.best).toHaveLength(questions.length)
      expect(nats.fixed).toHaveLength(questions.length)
      expect(best.loss).toBe(Math.min(...validation.map(([, loss]) => loss)))
      expect(answers).toHaveLength(1)
    }
    // Of two steps the last is the best, so that both measurements are of the same weights.
    expect(points[0]?.best.step).toBe(2)
    expect(points[0]?.nats.best).toEqual(points[0]?.nats.fixed)
    expect(points[0]?.nats.best).not.toEqual(base.nats)
    expect(read('page.md')).toMatch(/\| 24 +\| 1 +\|/)
    expect(read('record-dark.svg')).toMatch(/^<svg /)
  })

  it('refuses other settings, and goes on after Ctrl-C as if nothing had been', async () => {
    const other = await start(script, [...tiny, '--lr', '0.1'])
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('holds points of other settings')

    const whole = record().points.at(-1)
    rmSync(join(work, 'point-24-0.json'))
    const stopped = await start(script, [...tiny, '--seeds', '0'], {
      watch: (text, stop) => {
        if (text.includes('evaluation after step 3')) stop()
      },
    })
    expect(stopped.code).toBe(130)
    expect(stopped.stdout).toContain('24 pairs, seed 0, saved; the same command goes on')
    const resumed = await start(script, [...tiny, '--seeds', '0', '--only', '24'])
    expect(resumed.code, resumed.stderr).toBe(0)
    // What was there is not trained again.
    expect(resumed.stdout.match(/^trained /gm)).toHaveLength(1)
    expect(resumed.stdout).toContain('| power law with a floor, L∞ + a·n^-b, L∞ from 0 |')
    expect(record().points.at(-1)).toEqual({ ...whole, seconds: expect.any(Number) as number })
  })
})
