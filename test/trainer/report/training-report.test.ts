import { expect, test } from 'vitest'
import { trainingReport } from '../../../src/trainer/report/training-report.ts'

const report = (step: number, loss: number) => ({
  ...{ step, steps: 2, epoch: step / 2, loss, gradNorm: 1, learningRate: 0.01, tokens: 10, labelTokens: 5 },
  ...{ seconds: 1, tokensPerSecond: 10, secondsLeft: 0 },
})

test('a report made by hand says what it was given, answers on the way in their order, and escapes all of it', async () => {
  const page = await trainingReport({
    history: {
      training: [report(1, 3), report(2, 2.5)],
      evaluation: [
        { step: 0, epoch: 0, metrics: { evalLoss: 3.25 } },
        { step: 2, epoch: 1, metrics: { evalLoss: 2.75 } },
      ],
    },
    description: { model: { nameOrPath: '<lab>/tiny' }, data: { examples: 4 } },
    ...{ step: 2, steps: 2 },
    samples: [{ prompt: 'Why?', before: 'a', between: [{ step: 1, text: 'b<' }], after: 'c', reference: null }],
  })
  expect(page).toContain('<title>Training of &lt;lab&gt;/tiny</title>')
  expect(page).toContain('<dt>Before</dt><dd>a</dd><dt>Step 1</dt><dd>b&lt;</dd><dt>After</dt><dd>c</dd>')
  expect(page).toContain('3.25 → 2.75')
  expect(page).not.toMatch(/<script|https?:\/\//)
})
