import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { check, MedAwareError, messageOf } from '../../core/errors.ts'
import { shorten, show } from '../../core/show.ts'
import { strftime } from './strftime.ts'
import { stripCharacters } from './strip-characters.ts'

type Program = ReturnType<typeof parse>
type Evaluated = ReturnType<Interpreter['evaluate']>

/** Characters of a template; the longest in use have 40,000. */
const longestTemplate = 512 * 1024
/** Spaces in a row: the lexer looks at each of them from each. */
const longestSpace = 1024
/** Steps of a rendering, and how long it may take. */
const [mostSteps, mostMilliseconds] = [500_000, 2000]
/** Characters of a text and items of a list on the way. */
const [longestText, longestList] = [64 * 1024 * 1024, 1_000_000]

/** A template's own complaint: its `raise_exception`. */
class Raised extends Error {}

/** Evaluates a template of anybody's: it ends, and takes no more memory than a text may have. */
class BoundedInterpreter extends Interpreter {
  readonly #began = performance.now()
  #steps = 0

  override evaluate(...[statement, environment]: Parameters<Interpreter['evaluate']>): Evaluated {
    const isTooLong = ++this.#steps % 8 === 0 && performance.now() - this.#began > mostMilliseconds
    check(this.#steps <= mostSteps && !isTooLong, 'format', () => {
      return `the chat template: has not ended after ${this.#steps} steps`
    })
    const strip = stripOf(statement)
    const result = (strip && this.#stripped(strip, environment)) ?? super.evaluate(statement, environment)
    const value: unknown = result.value
    if (typeof value === 'string' ? value.length > longestText : Array.isArray(value) && value.length > longestList) {
      throw new MedAwareError('format', 'the chat template: makes texts or lists without end')
    }
    return result
  }

  /** What Python's `strip` of some characters leaves, which jinja.js takes for spaces; null for what are no texts. */
  #stripped({ object, method, argument }: Strip, environment: Environment): Evaluated | null {
    const [text, characters]: unknown[] = [object, argument].map((each) => this.evaluate(each, environment).value)
    if (typeof text !== 'string' || typeof characters !== 'string') return null
    const value = stripCharacters(text, characters, method)
    return super.evaluate({ type: 'StringLiteral', value } as Statement, environment)
  }
}

type Statement = Parameters<Interpreter['evaluate']>[0]

/** A call such as `text.lstrip('\n')`. */
interface Strip {
  readonly object: Statement | undefined
  readonly method: string
  readonly argument: Statement
}

function stripOf(statement: Statement): Strip | null {
  if (statement?.type !== 'CallExpression') return null
  const { callee, args } = statement as CallNode
  const name = callee.computed === false ? callee.property?.value : undefined
  if (args.length !== 1 || (name !== 'strip' && name !== 'lstrip' && name !== 'rstrip')) return null
  return { object: callee.object, method: name, argument: args[0] }
}

/** Nodes of jinja.js's tree, as far as they are looked at. */
type CallNode = NonNullable<Statement> & {
  readonly callee: { readonly object?: Statement; readonly computed?: boolean; readonly property?: { value?: unknown } }
  readonly args: readonly Statement[]
}

/** @throws MedAwareError `format` for what is no template. */
export function compile(template: string): Program {
  check(template.length <= longestTemplate, 'format', () => {
    return `the chat template: has ${template.length} characters, and at most ${longestTemplate} are read`
  })
  check(!/\s{1024}/.test(template), 'format', () => {
    return `the chat template: has over ${longestSpace - 1} spaces in a row`
  })
  return explained(() => parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true })))
}

/**
 * The text that a template makes of variables.
 * @throws MedAwareError `config` with the template's own words where it complains, `format` where it fails or does not
 * end.
 */
export function render(program: Program, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment()
  const globals = {
    ...{ true: true, True: true, false: false, False: false, none: null, None: null },
    raise_exception: (message: unknown) => {
      throw new Raised(String(message))
    },
    range: boundedRange,
    strftime_now: (format: unknown) => strftime(new Date(), String(format)),
  }
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value)
  return explained(() => new BoundedInterpreter(environment).run(program).toString())
}

/** Python's range, of as many numbers as a list may have. */
function boundedRange(start: number, stop?: number, step?: number): number[] {
  const [from, to, by] = typeof stop === 'number' ? [start, stop, typeof step === 'number' ? step : 1] : [0, start, 1]
  const count = Math.max(0, Math.ceil((to - from) / by))
  check(by !== 0 && count <= longestList, 'format', () => `the chat template: range(${from}, ${to}, ${by}) has no end`)
  return Array.from({ length: count }, (_, i) => from + i * by)
}

function explained<T>(call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof MedAwareError) throw cause
    const reason = shorten(messageOf(cause), 200)
    if (cause instanceof Raised)
      throw new MedAwareError('config', `the chat template refuses: ${show(reason)}`, { cause })
    throw new MedAwareError('format', `the chat template: cannot be used, ${reason}`, { cause })
  }
}
