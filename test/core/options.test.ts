import { describe, expect, it } from 'vitest'
import { nearestName } from '../../src/core/nearest.ts'
import {
  abortSignal,
  callback,
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  readArgument,
  readOptions,
  recordOf,
  table,
  text,
  whole,
  withMethods,
} from '../../src/core/options.ts'

interface Oven {
  readonly degrees?: number
  readonly shelves?: number
  readonly fan?: boolean
  readonly mode?: 'bake' | 'grill'
  readonly names?: readonly string[]
  readonly limit?: number | null
  readonly timer?: { readonly minutes?: number }
  readonly sizes?: Readonly<Record<string, number>>
  readonly onDone?: () => void
  readonly signal?: AbortSignal
  readonly dish?: 'flat' | { readonly depth?: number }
}

const rules: OptionRules<Oven> = {
  degrees: number({ above: 0, to: 300 }),
  shelves: whole({ from: 1 }),
  fan: flag,
  mode: oneOf(['bake', 'grill'], { broil: 'grill' }),
  names: listOf(text),
  limit: orNull(whole()),
  timer: table({ minutes: whole({ from: 1, to: 90 }) }),
  sizes: recordOf(number()),
  onDone: callback(),
  signal: abortSignal,
  dish: either(oneOf(['flat']), table<{ readonly depth?: number }>({ depth: number() })),
}

// What a caller in plain JavaScript can hand in.
const read = (given: unknown) => readOptions('heat', given as Oven, rules, { temperature: 'degrees' })

describe('readOptions', () => {
  it('copies what is right', () => {
    const signal = new AbortController().signal
    const onDone = () => {}
    const given = {
      degrees: 180.5,
      shelves: 2,
      fan: false,
      mode: 'broil',
      names: ['a'],
      limit: null,
      timer: { minutes: 3 },
      sizes: { tin: 2 },
      onDone,
      signal,
      dish: { depth: 1 },
    }
    expect(read(given)).toEqual({ ...given, mode: 'grill' })
  })

  it('takes undefined for not given, so that the default stays', () => {
    expect(Object.keys(read({ fan: undefined, degrees: 1 }))).toEqual(['degrees'])
    expect(read(undefined)).toEqual({})
    expect(read(Object.create(null))).toEqual({})
    expect({ degrees: 200, ...read({ degrees: undefined }) }.degrees).toBe(200)
  })

  it.each([
    [{ degreees: 1 }, 'heat: there is no option "degreees"; did you mean degrees?'],
    [{ Temperature: 1 }, 'heat: there is no option "Temperature"; did you mean degrees?'],
    [{ temperature: 1 }, 'heat: there is no option "temperature"; did you mean degrees?'],
    [{ on_done: 1 }, 'heat: there is no option "on_done"; did you mean onDone?'],
    [{ timer: { minuets: 1 } }, 'heat: timer: there is no option "minuets"; did you mean minutes?'],
    [
      { colour: 'red' },
      'heat: there is no option "colour"; it has degrees, shelves, fan, mode, names, limit, timer, sizes, onDone, signal, dish',
    ],
    [{ toString: 1 }, 'heat: there is no option "toString"; it has'],
    [JSON.parse('{"__proto__": {"fan": true}}'), 'heat: there is no option "__proto__"; it has'],
  ])('refuses the unknown name of %j', (given: unknown, sentence) => {
    expect(() => read(given)).toThrow(sentence)
    expect(() => read(given)).toThrow(expect.objectContaining({ name: 'MedAwareError', code: 'config' }))
  })

  it.each([
    [{ degrees: '180' }, 'heat: degrees must be a number above 0 and at most 300, got "180"'],
    [{ degrees: NaN }, 'got NaN'],
    [{ degrees: Infinity }, 'got Infinity'],
    [{ degrees: null }, 'got null'],
    [{ degrees: 0 }, 'got 0'],
    [{ degrees: 300.5 }, 'got 300.5'],
    [{ shelves: 1.5 }, 'heat: shelves must be a whole number from 1, got 1.5'],
    [{ shelves: 2n }, 'got 2n'],
    [{ shelves: 2 ** 53 }, 'got 9007199254740992'],
    [{ fan: 'false' }, 'heat: fan must be true or false, got "false"'],
    [{ fan: 0 }, 'got 0'],
    [{ mode: 'Bake' }, `heat: mode must be 'bake' or 'grill', got "Bake"`],
    [{ mode: 'constructor' }, 'got "constructor"'],
    [{ names: 'a' }, 'heat: names must be a list of a text, got "a"'],
    [{ names: ['a', 3] }, 'heat: names: item 1 must be a text, got 3'],
    [{ names: [''] }, 'heat: names: item 0 must be a text, got ""'],
    [{ limit: '3' }, 'heat: limit must be a whole number or null, got "3"'],
    [{ timer: 'soon' }, 'heat: timer must be an object such as { minutes: … }, got "soon"'],
    [{ timer: new Map([['minutes', 1]]) }, 'got a Map'],
    [{ timer: { minutes: 91 } }, 'heat: timer.minutes must be a whole number from 1 to 90, got 91'],
    [{ sizes: [1] }, 'heat: sizes must be an object of a number by name, got [1]'],
    [{ sizes: { tin: '1' } }, 'heat: sizes: "tin" must be a number, got "1"'],
    [{ onDone: true }, 'heat: onDone must be a function, got true'],
    [{ signal: new AbortController() }, 'heat: signal must be an AbortSignal, got an AbortController'],
    [{ dish: 'deep' }, `heat: dish must be 'flat' or an object such as { depth: … }, got "deep"`],
    [{ dish: { depht: 1 } }, 'heat: dish: there is no option "depht"; did you mean depth?'],
    ['int8', 'heat: options must be an object such as { degrees: … }, got "int8"'],
    [null, 'got null'],
    [[], 'got []'],
    [() => {}, 'got a function'],
    [Promise.resolve({ fan: true }), 'got a Promise'],
    [new Float32Array(3), 'got a Float32Array of 3'],
  ])('refuses %o', (given: unknown, sentence) => {
    expect(() => read(given)).toThrow(sentence)
  })
})

describe('readArgument', () => {
  it('names the argument', () => {
    expect(readArgument('train', 'steps', 3, whole())).toBe(3)
    expect(() => readArgument('train', 'steps', '3', whole())).toThrow('train: steps must be a whole number, got "3"')
    const model = withMethods<{ train(): void }>('a model, as loadModel gives', ['train'])
    expect(() => readArgument('train', 'model', { train: 1 }, model)).toThrow(
      'train: model must be a model, as loadModel gives, got { train: 1 }',
    )
  })
})

describe('nearestName', () => {
  const known = ['learningRate', 'maxNewTokens', 'maxSteps', 'seed', 'quantize', 'targetModules', 'onProgress']
  it.each([
    ['max_new_tokens', 'maxNewTokens'],
    ['maxTokens', null],
    ['max-steps', 'maxSteps'],
    ['quantise', 'quantize'],
    ['tragetModules', 'targetModules'],
    ['seeds', 'seed'],
    ['learning', 'learningRate'],
    ['max', null],
    ['zzz', null],
    ['', null],
    ['x'.repeat(10_000), null],
  ])('takes %j for %j', (name, meant) => {
    expect(nearestName(name, known)).toBe(meant)
  })
})
