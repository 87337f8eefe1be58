import { describe, expect, it } from 'vitest'
import { applyChatTemplate, renderChat } from '../../../src/data/chat/apply-chat-template.ts'
import { chatRenderer } from '../../../src/data/chat/render-chat.ts'
import { strftime } from '../../../src/data/chat/strftime.ts'
import { conversations, specials, templates, tools } from './chat-cases.ts'

const renderings = templates.flatMap(({ name, template, training, rendered, renderedTraining = [] }) => [
  ...rendered.map((wanted) => ({ name, template, wanted })),
  ...renderedTraining.map((wanted) => ({ name: `${name}'s training variant`, template: training ?? '', wanted })),
])

describe('a chat template', () => {
  // Python refuses to add a text and an object, of which templates are not to be made to fail.
  const comparable = renderings.filter(({ wanted }) => wanted.error !== 'TypeError')
  const named = comparable.map(({ name, template, wanted }) => {
    const prompt = wanted.addGenerationPrompt ? ', and a prompt' : ''
    return { name: `${name}: ${wanted.conversation}${prompt}`, template, wanted }
  })

  it.each(named)('is rendered as transformers does: $name', async ({ template, wanted }) => {
    const renderer = await chatRenderer(template)
    const call = () =>
      renderChat('test', renderer, { specialTokens: specials }, conversations[wanted.conversation] ?? [], {
        addGenerationPrompt: wanted.addGenerationPrompt,
        templateKwargs: { date_string: '26 Nov 2026' },
        ...(wanted.conversation === 'tools' && { tools }),
      })
    if (wanted.text === undefined) {
      expect(call).toThrow(/^the chat template/)
      return
    }
    const { text, generated } = call()
    expect(text).toBe(wanted.text)
    expect(generated.map(([begin, end]) => text.slice(begin, end))).toEqual(wanted.generated)
  })

  const bad: [template: string, code: string, sentence: string][] = [
    ["{{ raise_exception('no ' ~ 'way') }}", 'config', 'the chat template refuses: "no way"'],
    ['{% for m in messages %}', 'format', 'the chat template: cannot be used, '],
    ['{{ 3 | unknown }}', 'format', 'the chat template: cannot be used, '],
    [
      '{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{{ c }}{% endfor %}{% endfor %}{% endfor %}',
      'format',
      'has not ended after',
    ],
    [
      '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}',
      'format',
      'has not ended after',
    ],
    ['{{ range(10000000000) | length }}', 'format', 'range(0, 10000000000, 1) has no end'],
    [
      "{% set ns = namespace(t='aaaaaaaa') %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}",
      'format',
      'makes texts or lists without end',
    ],
    [
      '{% set ns = namespace(t=[1]) %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
      'format',
      'makes texts or lists without end',
    ],
    ['{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', 'format', 'the chat template: cannot be used, '],
    ['('.repeat(100_000), 'format', ''],
    [`{{ ${'('.repeat(100_000)}`, 'format', 'the chat template: cannot be used, '],
    [' '.repeat(2000), 'format', 'the chat template: has over 1023 spaces in a row'],
    ['x'.repeat(600_000), 'format', 'the chat template: has 600000 characters, and at most 524288 are read'],
  ]

  it.each(bad.map(([template, ...wanted]) => [template.slice(0, 60), template, ...wanted] as const))(
    'is bounded: %s',
    async (_, template, code, sentence) => {
      const call = applyChatTemplate({ chatTemplate: template }, [{ role: 'user', content: 'a' }])
      if (sentence === '') expect(await call).toBe(template)
      else await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(sentence) as string })
    },
    30_000,
  )
})

describe('applyChatTemplate', () => {
  const chatTemplate =
    '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b ' },
  ]

  it('begins a turn, or goes on with the last', async () => {
    expect(await applyChatTemplate({ chatTemplate }, messages, { addGenerationPrompt: true })).toBe(
      '<user>a<assistant>b <assistant>',
    )
    const trimmed = chatTemplate.replace('m.content', 'm.content | trim') + '</s>'
    expect(
      await applyChatTemplate({ chatTemplate: `${chatTemplate}</s>` }, messages, { continueFinalMessage: true }),
    ).toBe('<user>a<assistant>b ')
    expect(await applyChatTemplate({ chatTemplate: trimmed }, messages, { continueFinalMessage: true })).toBe(
      '<user>a<assistant>b',
    )
    const both = { addGenerationPrompt: true, continueFinalMessage: true }
    await expect(applyChatTemplate({ chatTemplate }, messages, both)).rejects.toThrow('choose one')
  })

  it('takes the template that is named, or that for tools', async () => {
    const several = { chatTemplate: { default: 'one', tool_use: 'two', rag: 'three' } }
    const texts = [{}, { tools: [{}] }, { chatTemplate: 'rag' }, { chatTemplate: 'four' }].map((options) =>
      applyChatTemplate(several, messages, options),
    )
    expect(await Promise.all(texts)).toEqual(['one', 'two', 'three', 'four'])
    await expect(applyChatTemplate({ chatTemplate: { rag: 'a' } }, messages)).rejects.toThrow(
      "none is 'default'; name one of rag",
    )
    await expect(applyChatTemplate({}, messages)).rejects.toThrow('the tokenizer has no chat template')
  })

  it('refuses what are no messages', async () => {
    const refused = (given: unknown) => expect(applyChatTemplate({ chatTemplate }, given as [])).rejects
    await refused('a').toThrow('applyChatTemplate: messages must be a list of messages { role, content }, got "a"')
    await refused([]).toThrow('applyChatTemplate: there is no message')
    await refused([{ content: 'a' }]).toThrow('applyChatTemplate: messages: message 0 must be { role, content }')
  })
})

describe('strftime', () => {
  it("is Python's", () => {
    const date = new Date(2024, 1, 3, 15, 4, 5)
    expect(strftime(date, '%d %b %Y|%A %B %y %m %j %H:%M:%S %I %p %a %w %% %Q')).toBe(
      '03 Feb 2024|Saturday February 24 02 034 15:04:05 03 PM Sat 6 % %Q',
    )
  })
})
