import { afterAll, describe, expect, it } from 'vitest'
import { AdamW, adamwRow } from '../../src/optim/adamw.ts'
import type { Optimizer } from '../../src/optim/optimizer.ts'
import {
  createOptimizer,
  type OptimizerChoice,
  registerOptimizer,
  resolveOptimizer,
} from '../../src/optim/optimizers.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

const parameter = () => fromArray(device, Float32Array.of(1, 2), [1, 2], 'parameter')
const adamw = { type: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 }

describe('resolveOptimizer', () => {
  it('fills in the settings of a name, also of transformers’, and of what stands beside it', () => {
    expect(resolveOptimizer('run', 'adamw')).toEqual(adamw)
    expect(resolveOptimizer('run', 'adamw_torch')).toEqual(adamw)
    expect(resolveOptimizer('run', { type: 'adamw', eps: 1e-6 })).toEqual({ ...adamw, eps: 1e-6 })
    expect(resolveOptimizer('run', 'lion_32bit', { weightDecay: 1 })).toEqual({
      ...{ type: 'lion', betas: [0.9, 0.99], weightDecay: 1 },
    })
    const beside = { betas: [0.8, 0.9], eps: undefined, weightDecay: 0.1 }
    expect(resolveOptimizer('run', 'adamw', beside)).toEqual({ ...adamw, betas: [0.8, 0.9], weightDecay: 0.1 })
    const resolved = resolveOptimizer('run', 'adamw')
    expect(resolveOptimizer('run', resolved)).toEqual(resolved)
    expect(Object.isFrozen(resolved)).toBe(true)
  })

  it.each<[unknown, Readonly<Record<string, unknown>>, string]>([
    ['adam', {}, `run: optimizer: there is no optimizer "adam"; did you mean 'adamw'?`],
    ['constructor', {}, 'run: optimizer: there is no optimizer "constructor"; known are adamw, adamw_8bit, lion'],
    [{ type: 'adamw', epsilon: 1 }, {}, 'run: optimizer: there is no option "epsilon"; did you mean eps?'],
    [{ type: 'adamw', betas: 0.9 }, {}, 'run: optimizer.betas must be two numbers from 0 and below 1, got 0.9'],
    [{ type: 'adamw', noDecay: new Set() }, {}, 'run: optimizer: there is no option "noDecay"'],
    [{ type: 'adamw', eps: 1e-6 }, { eps: 1e-8 }, 'run: eps is given twice, also in optimizer'],
    ['adamw', { momentum: 0.9 }, 'run: momentum is no setting of adamw, which has betas, eps, weightDecay'],
    ['lion', { eps: 1e-8 }, 'run: eps is no setting of lion, which has betas, weightDecay'],
    [{ type: 'lion', eps: 1e-8 }, {}, 'run: optimizer: there is no option "eps"; it has betas, weightDecay'],
    [() => null, { eps: 1e-8 }, 'run: eps cannot be given beside an optimizer of your own; give them to it'],
  ])('refuses %j beside %j', (choice, beside, message) => {
    expect(() => resolveOptimizer('run', choice as OptimizerChoice, beside)).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining(message) as string }),
    )
  })
})

describe('createOptimizer', () => {
  it('makes what the choice says: a row, a function’s, or one that was made', () => {
    const p = parameter()
    const made = createOptimizer('run', resolveOptimizer('run', { type: 'adamw', eps: 1e-6 }), [p])
    expect([made.name, made.hyperparameters, made.parameters]).toEqual([
      ...['adamw', { betas: [0.9, 0.999], eps: 1e-6, weightDecay: 0 }],
      [p],
    ])
    expect(createOptimizer('run', made, [p])).toBe(made)
    const own = createOptimizer('run', (all, { noDecay }) => new AdamW(all, { weightDecay: 1, noDecay }), [p])
    expect(own.hyperparameters).toMatchObject({ weightDecay: 1 })
    for (const optimizer of [made, own]) optimizer.dispose()
  })

  it('refuses one that trains other parameters, has been used, or is none, and leaves no byte behind', () => {
    const [p, q] = [parameter(), parameter()]
    const before = device.memory.liveBytes
    const refused = (choice: OptimizerChoice) =>
      expect(() => createOptimizer('run', resolveOptimizer('run', choice), [p]))
    refused(() => new AdamW([p, q])).toThrow(
      'run: the optimizer "adamw" trains 2 parameters, which are not the model\'s 1; make it for model.trainableParameters()',
    )
    refused(() => ({}) as Optimizer).toThrow(
      'run: what the function optimizer gives must be an optimizer with step, state and dispose, got {}',
    )
    expect(device.memory.liveBytes).toBe(before)
    const used = new AdamW([p])
    used.steps = 3
    refused(used).toThrow('run: the optimizer "adamw" has taken 3 steps; make a new one for a run')
    used.dispose()
  })
})

describe('registerOptimizer', () => {
  it('adds a row, which has a name and settings like the others, once', () => {
    registerOptimizer('adamw_without_bias', { ...adamwRow, aliases: [], defaults: { ...adamwRow.defaults, eps: 1e-3 } })
    expect(resolveOptimizer('run', { type: 'adamw_without_bias', weightDecay: 1 })).toMatchObject({
      ...{ type: 'adamw_without_bias', eps: 1e-3, weightDecay: 1 },
    })
    for (const name of ['adamw', 'adamw_without_bias', 'adamw_torch']) {
      expect(() => {
        registerOptimizer(name, adamwRow)
      }).toThrow(`registerOptimizer: there is an optimizer "${name}" already`)
    }
    expect(() => {
      registerOptimizer('mine', adamwRow)
    }).toThrow('registerOptimizer: there is an optimizer "adamw_torch" already')
  })
})
