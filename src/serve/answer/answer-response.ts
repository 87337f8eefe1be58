import { apiErrorOf } from '../api-error.ts'
import type { AnswerRequest } from '../request/answer-request.ts'
import type { AnswerFormat } from './answer-format.ts'
import { usageJson } from './answer-json.ts'
import type { AnswerPiece, Usage } from './answers.ts'
import type { TokenTexts } from './token-texts.ts'

/** An answer under way. */
export interface UnderWay {
  readonly format: AnswerFormat
  readonly request: AnswerRequest
  readonly pieces: AsyncGenerator<AnswerPiece, void, undefined>
  readonly usage: Usage
  readonly texts: TokenTexts
  /** Ends it, with its reason. */
  readonly signal: AbortSignal
}

/** What all parts of an answer begin with. */
function headOf({ format, request }: UnderWay, object: string) {
  const id = `${format.idPrefix}${crypto.randomUUID().replaceAll('-', '')}`
  return { id, object, created: Math.floor(Date.now() / 1000), model: request.model }
}

/** The whole answer, when it is there. */
export async function wholeResponse(answer: UnderWay): Promise<Response> {
  const { format, request, pieces, usage, texts } = answer
  const choices = new Map<number, AnswerPiece>()
  for await (const { index, text, tokens, finish } of pieces) {
    const before = choices.get(index)
    choices.set(index, {
      ...{ index, finish, text: (before?.text ?? '') + text },
      tokens: [...(before?.tokens ?? []), ...tokens],
    })
  }
  return Response.json({
    ...headOf(answer, format.object),
    choices: [...choices.values()].map((choice) => format.whole(choice, request, texts)),
    usage: usageJson(usage),
  })
}

/**
 * The answer as server-sent events, as it comes. Its first piece is waited for, so that what cannot be answered is an
 * error as any other; what fails later is told as an event.
 */
export async function streamResponse(answer: UnderWay): Promise<Response> {
  const events = eventsOf(answer)
  const first = await events.next()
  // Who has stopped reading is not waited for.
  answer.signal.addEventListener('abort', () => void events.return(), { once: true })
  const encoder = new TextEncoder()
  let next: Promise<IteratorResult<string, void>> = Promise.resolve(first)
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await next.catch((thrown: unknown) => {
          return { value: event(apiErrorOf(thrown).json), done: false as const }
        })
        if (done !== true) controller.enqueue(encoder.encode(value))
        else {
          if (answer.signal.aborted) controller.enqueue(encoder.encode(event(apiErrorOf(answer.signal.reason).json)))
          controller.close()
          return
        }
        next = events.next()
        // It is looked at when it is pulled.
        next.catch(() => {})
      },
      async cancel() {
        await events.return()
      },
    },
    // Nothing is made before it is asked for: who reads slowly is answered slowly.
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  })
}

async function* eventsOf(answer: UnderWay): AsyncGenerator<string, void, undefined> {
  const { format, request, pieces, usage, texts } = answer
  const head = headOf(answer, format.chunkObject)
  const { isUsageTold } = request
  const chunk = (choice: object) => event({ ...head, choices: [choice], ...(isUsageTold && { usage: null }) })
  const begun = new Set<number>()
  for await (const piece of pieces) {
    const beginning = begun.has(piece.index) ? null : format.begin(piece.index)
    begun.add(piece.index)
    if (beginning !== null) yield chunk(beginning)
    yield chunk(format.chunk(piece, request, texts))
  }
  if (isUsageTold) yield event({ ...head, choices: [], usage: usageJson(usage) })
  yield event('[DONE]')
}

function event(data: object | string): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}
