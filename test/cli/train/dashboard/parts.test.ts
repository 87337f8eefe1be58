import { describe, expect, it } from 'vitest'
import { cleanText, clipText, widthOf, wrapText } from '../../../../src/cli/train/dashboard/cells.ts'
import { Course } from '../../../../src/cli/train/dashboard/course.ts'
import { curveLines } from '../../../../src/cli/train/dashboard/curve.ts'
import { glyphsFor } from '../../../../src/cli/train/dashboard/glyphs.ts'
import { canDraw } from '../../../../src/cli/train/dashboard/surroundings.ts'
import { ascii, unicode } from './shown.ts'

describe('cells', () => {
  it.each([
    ['abc', 3],
    ['漢字', 4],
    ['e\u0301', 1],
    ['ｱ', 1],
    ['👩‍👩‍👧', 2],
    ['🩺!', 3],
    ['', 0],
  ])('%s takes %i', (text, width) => {
    expect(widthOf(text)).toBe(width)
  })

  it('cuts between letters, never in one', () => {
    expect(clipText('漢字漢字', 6, '…')).toBe('漢字…')
    expect(clipText('👩‍👩‍👧👩‍👩‍👧', 3, '…')).toBe('👩‍👩‍👧…')
    expect(clipText('abc', 3, '…')).toBe('abc')
    expect(clipText('abc', 0, '…')).toBe('')
    expect(wrapText('one two three', 7, '…')).toEqual(['one two', 'three'])
  })

  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['a\u009b2Jb', 'ab'],
    ['one\ntwo\tthree', 'one two three'],
    ['\u202eabc\u2066', 'abc'],
    ['\u0000\u0008\u007f', ''],
    ['\ud800x', 'x'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
  ])('%j is clean as %j', (text, clean) => {
    expect(cleanText(text)).toBe(clean)
  })
})

describe('a course', () => {
  it('keeps all steps in a bounded number of means', () => {
    const course = new Course()
    for (let step = 1; step <= 100_000; step++) course.add(step, step / 1000)
    const points = course.points()
    expect(points.length).toBeLessThanOrEqual(1024)
    expect(points[0]?.step).toBeLessThan(200)
    expect(points.at(-1)?.step).toBeGreaterThan(99_800)
    for (const { step, value } of points) expect(value).toBeCloseTo(step / 1000, 9)
  })

  it('leaves out what is no number', () => {
    const course = new Course()
    course.add(1, NaN)
    course.add(2, 3)
    expect(course.points()).toEqual([{ step: 2, value: 3 }])
  })
})

describe('a curve', () => {
  const falling = Array.from({ length: 20 }, (_, i) => ({ step: i + 1, value: 20 - i }))
  const text = (rows: number, glyphs = unicode, heldOut: readonly { step: number; value: number }[] = []) =>
    curveLines({ training: falling, heldOut, lastStep: 20 }, 40, rows, glyphs).map((line) =>
      line.map((piece) => piece.text).join(''),
    )

  it('falls from the upper left to the lower right', () => {
    const lines = text(9, ascii)
    const columns = lines.slice(0, -1).map((line) => line.slice(7).indexOf('*'))
    expect(columns.every((column) => column >= 0)).toBe(true)
    expect(columns).toEqual(columns.toSorted((a, b) => a - b))
    const scale = lines.flatMap((line) => /^ *([\d.]+) \+/.exec(line)?.[1] ?? []).map(Number)
    expect(scale).toEqual(scale.toSorted((a, b) => b - a))
    expect(scale[0]).toBeGreaterThan(18)
    expect(scale.at(-1)).toBeLessThan(3)
  })

  it('has a mark at each held-out loss, at its place', () => {
    const lines = text(9, unicode, [{ step: 20, value: 20 }])
    expect(lines[0]?.at(-1)).toBe('◆')
  })

  it('is of as many lines as are given, none where they are too few', () => {
    for (const rows of [4, 5, 18]) expect(text(rows)).toHaveLength(rows)
    expect(text(3)).toEqual([])
    const one = curveLines({ training: [{ step: 1, value: 2 }], heldOut: [], lastStep: 1 }, 40, 5, unicode)
    expect(one).toHaveLength(5)
  })
})

describe('where a dashboard can be', () => {
  const terminal = { stdout: { isTTY: true }, stderr: { isTTY: true } }
  it.each([
    [terminal, {}, false, true],
    [terminal, { TERM: 'dumb' }, false, false],
    [terminal, { CI: 'true' }, false, false],
    [terminal, { CI: 'false' }, false, true],
    [{ ...terminal, stderr: {} }, {}, false, false],
    [terminal, {}, true, false],
    [{ ...terminal, stdout: {} }, {}, true, true],
  ])('%o with %o, JSON %s: %s', (streams, environment, printsMeanwhile, isPossible) => {
    expect(canDraw(streams, environment, printsMeanwhile)).toBe(isPossible)
  })

  it('draws in ASCII where the locale or the console has no more', () => {
    const lettersOf = (environment: Record<string, string>) => glyphsFor(environment).ellipsis
    expect(lettersOf({ TERM: 'xterm', LANG: 'en_US.UTF-8' })).toBe('…')
    expect(lettersOf({ TERM: 'xterm' })).toBe('…')
    expect(lettersOf({ LANG: 'C' })).toBe('...')
    expect(lettersOf({ LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' })).toBe('...')
    expect(lettersOf({ TERM: 'linux', LANG: 'en_US.UTF-8' })).toBe('...')
  })
})
