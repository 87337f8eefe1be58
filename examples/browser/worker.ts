/** The worker of the page: all parsing, training and answering, so that the page stays free for whoever uses it. */
import { zipSync } from 'fflate'
import type { News, Order, Side } from './messages.ts'
import { readPairs } from './pairs.ts'
import { Session } from './session.ts'
import { fetchSmallBase } from './small-base.ts'

const folder = 'medaware-adapter'
let session: Session | null = null
/** Of the order that came last. */
let stop = new AbortController()
let orders = Promise.resolve()

const tell = (news: News, transfer: Transferable[] = []) => {
  postMessage(news, { transfer })
}
const contentOf = async (data: string | File) =>
  typeof data === 'string' ? data : new Uint8Array(await data.arrayBuffer())
const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))

addEventListener('message', ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === 'stop') stop.abort()
  else if (order.kind === 'check') void check(order.data)
  else {
    // Made as the order comes, so that a stop on its heels is heard before work has begun.
    const { signal } = (stop = new AbortController())
    orders = orders.then(() => obey(order, signal))
  }
})

async function obey(order: Order, signal: AbortSignal): Promise<void> {
  try {
    await work(order, signal)
  } catch (error) {
    tell({ kind: 'failed', order: order.kind, message: sentence(error) })
  }
}

async function work(order: Order, signal: AbortSignal): Promise<void> {
  switch (order.kind) {
    case 'open':
      return open(order)
    case 'train': {
      const { pairs } = readPairs(await contentOf(order.data))
      const onWarning = (message: string) => tell({ kind: 'warning', message })
      tell({ kind: 'training', ...opened().begin(pairs, order.settings, onWarning) })
      return train(signal)
    }
    case 'go-on':
      return train(signal)
    case 'ask':
      for (const side of order.sides) if (!signal.aborted) await answer(order.question, side, signal)
      tell({ kind: 'answered' })
      return
    case 'save':
      return save()
    case 'check':
    case 'stop':
      return
  }
}

async function open({ engine, files, name }: Extract<Order, { kind: 'open' }>): Promise<void> {
  session?.close()
  session = null
  session = await Session.open(engine, files ?? (await fetchSmallBase()), name, ({ done, total }) => {
    tell({ kind: 'loading', done, total })
  })
  tell({ kind: 'opened', opened: session.opened })
}

function opened(): Session {
  if (session === null) throw new Error('There is no model; choose one first.')
  return session
}

async function check(data: string | File): Promise<void> {
  try {
    const { pairs, leftOut } = readPairs(await contentOf(data))
    tell({ kind: 'checked', pairs: pairs.length, leftOut })
  } catch (error) {
    tell({ kind: 'refused', message: sentence(error) })
  }
}

async function train(signal: AbortSignal): Promise<void> {
  for await (const report of opened().train(signal)) tell({ kind: 'step', report })
  tell({ kind: 'trained', ...opened().progress })
}

async function answer(question: string, side: Side, signal: AbortSignal): Promise<void> {
  let text = ''
  try {
    for await (const piece of opened().answer(question, side, signal)) {
      text += piece
      tell({ kind: 'answer', side, text: text.trim() })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (text === '') tell({ kind: 'answer', side, text: '(nothing)' })
}

/** Already compressed as well as can be: the files are stored. */
async function save(): Promise<void> {
  const files = await opened().files()
  const entries = Object.fromEntries([...files].map(([name, bytes]) => [`${folder}/${name}`, bytes]))
  const zip = zipSync(entries, { level: 0 })
  tell({ kind: 'saved', zip, fileName: `${folder}.zip` }, [zip.buffer])
}
