import { describe, expect, it } from 'vitest'
import { checkChatTemplate } from '../../../src/data/chat/check-chat-template.ts'
import { trainingTemplate } from '../../../src/data/chat/training-template.ts'
import { prepareExamples } from '../../../src/data/prepare-examples.ts'
import { chatTemplate, tokenizers } from '../trl-cases.ts'
import { templates } from './chat-cases.ts'

const { bytes } = tokenizers

describe('checkChatTemplate', () => {
  const checked = templates.flatMap(({ name, template, training, checked: wanted, checkedTraining }) => [
    { name, template, wanted },
    ...(training === null ? [] : [{ name: `${name}'s training variant`, template: training, wanted: checkedTraining }]),
  ])

  it.each(checked)("finds what TRL's checks find: $name", async ({ template, wanted }) => {
    const report = await checkChatTemplate(bytes, { chatTemplate: template })
    // A check of TRL's that fails says no more than that it does not hold.
    const held = Object.fromEntries(Object.entries(wanted ?? {}).map(([key, value]) => [key, value ?? false]))
    expect(report).toEqual(held)
  })
})

describe('trainingTemplate', () => {
  it.each(templates.filter(({ training }) => training !== null))(
    'says what the assistant’s is: $name',
    async ({ template, training }) => {
      expect(await trainingTemplate('test', template)).toBe(training)
    },
  )

  it('is the template itself where that tells, and refuses one that is not known', async () => {
    expect(await trainingTemplate('test', chatTemplate)).toBe(chatTemplate)
    const turn = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    await expect(trainingTemplate('test', `${turn}${turn}`)).rejects.toThrow('there is no known variant')
    await expect(trainingTemplate('test', 'a')).rejects.toThrow(
      'test: assistantOnlyLoss needs a chat template that says',
    )
  })
})

describe('prepareExamples of conversations', () => {
  const messages = [
    { role: 'user', content: 'symptoms' },
    { role: 'assistant', content: 'thirst' },
  ]

  it("takes TRL's variant where just the assistant's text is learned, and warns where its end is not", async () => {
    const warnings: string[] = []
    const onWarning = (message: string) => void warnings.push(message)
    const original = templates.find(({ name }) => name === 'phi3')?.template ?? ''
    const options = { assistantOnlyLoss: true, onWarning }
    const { examples } = await prepareExamples(bytes, [{ messages }], { ...options, chatTemplate: original })
    const learned = [...(examples[0]?.labels ?? [])].filter((label) => label >= 0)
    expect(bytes.decode(learned)).toContain('thirst')
    expect(bytes.decode(learned)).not.toContain('symptoms')
    // The tokenizer has no token for Phi's end of a turn.
    expect(warnings.splice(0)).toEqual([expect.stringContaining('the model may not learn to stop')])
    await prepareExamples(bytes, [{ messages }], { ...options, chatTemplate })
    expect(warnings).toEqual([])
    const outside = chatTemplate.replace(
      " + '<|endoftext|>' }}{% endgeneration %}",
      " }}{% endgeneration %}{{ '<|endoftext|>' }}",
    )
    await prepareExamples(bytes, [{ messages }], { ...options, chatTemplate: outside })
    expect(warnings).toEqual([
      expect.stringContaining(
        "the chat template leaves the token that ends the assistant's turn out of what is learned",
      ),
      expect.stringContaining('EOS, "<|endoftext|>", is a label nowhere'),
    ])
  })

  it('asks questions in turns where the tokenizer has a template', async () => {
    const chat = { ...bytes, chatTemplate }
    const { examples } = await prepareExamples(chat, [{ question: 'symptoms', answer: 'thirst' }])
    const pair = { prompt: messages.slice(0, 1), completion: messages.slice(1) }
    expect(examples).toEqual((await prepareExamples(chat, [pair])).examples)
  })

  it('refuses what cannot be', async () => {
    const refused = (row: Record<string, unknown>, options = {}) => {
      return expect(prepareExamples(bytes, [row], { chatTemplate, ...options })).rejects
    }
    await refused({ text: 'a' }, { assistantOnlyLoss: true }).toThrow('assistantOnlyLoss is for conversations')
    await refused({ messages: 'a' }).toThrow(
      'row 0: column "messages" must be a list of messages { role, content }, got "a"',
    )
    await refused({ messages: [] }).toThrow('row 0: there is no message')
    await refused({ messages, tools: '{' }).toThrow('row 0: column "tools": not valid JSON')
    await refused({ messages: messages.slice(0, 1) }, { assistantOnlyLoss: true }).toThrow(
      'assistantOnlyLoss leaves nothing',
    )
    await expect(prepareExamples(bytes, [{ messages }])).rejects.toThrow('the tokenizer has no chat template')
  })
})
