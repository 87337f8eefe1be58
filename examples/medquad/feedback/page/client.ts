import type { AskedAnswer } from '../store/feedback-store.ts'

/** A line of an answer under way: a piece of it, or the whole as it was kept, or what went wrong. */
type Streamed = { readonly piece: string } | { readonly answer: AskedAnswer } | { readonly error: string }

const at = <T extends Element>(id: string, type: new () => T): T => {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`The page has no ${id}.`)
  return element
}
const [form, question, stop] = [
  at('asking', HTMLFormElement),
  at('question', HTMLInputElement),
  at('stop', HTMLButtonElement),
]
const [status, answers] = [at('status', HTMLParagraphElement), at('answers', HTMLOListElement)]
let answering: AbortController | null = null
let seed = 0

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void ask(question.value)
})
stop.addEventListener('click', () => answering?.abort())
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') answering?.abort()
})
void showVersions()

/** Asks, shows the answer as it comes, and then what can be said of it. */
async function ask(asked: string, beside: AskedAnswer | null = null): Promise<void> {
  if (answering !== null) return
  const { signal } = (answering = new AbortController())
  stop.hidden = false
  say('Answering. Escape stops it.')
  const [item, text] = itemOf(asked)
  try {
    const response = await send('ask', { question: asked, seed: seed++ }, signal)
    for await (const line of linesOf(response)) {
      const streamed = JSON.parse(line) as Streamed
      if ('piece' in streamed) text.append(streamed.piece)
      else if ('error' in streamed) throw new Error(streamed.error)
      else offer(item, streamed.answer, beside)
    }
    say('')
  } catch (error) {
    item.remove()
    say(signal.aborted ? 'Stopped; the answer is not kept.' : messageOf(error))
  } finally {
    answering = null
    stop.hidden = true
  }
}

function itemOf(asked: string): [HTMLLIElement, HTMLParagraphElement] {
  const item = document.createElement('li')
  const article = document.createElement('article')
  const title = document.createElement('h3')
  title.textContent = asked
  const text = document.createElement('p')
  text.className = 'answer'
  article.append(title, text)
  item.append(article)
  answers.prepend(item)
  return [item, text]
}

/** Buttons and a field for what is said of an answer. */
function offer(item: HTMLLIElement, answer: AskedAnswer, beside: AskedAnswer | null): void {
  const [article] = item.getElementsByTagName('article')
  const origin = document.createElement('p')
  origin.className = 'origin'
  origin.textContent = `version ${answer.version}, seed ${answer.seed}`
  const tell = (path: string, body: object, done: string) => async () => {
    try {
      await send(path, body)
      say(done)
    } catch (error) {
      say(messageOf(error))
    }
  }
  const { id } = answer
  const correction = document.createElement('textarea')
  correction.setAttribute('aria-label', 'What should have been answered')
  correction.value = answer.text
  article?.append(
    origin,
    button('Good', tell('rate', { answer: id, rating: 1 }, 'Kept as good.')),
    button('Bad', tell('rate', { answer: id, rating: -1 }, 'Kept as bad.')),
    button('Another answer', () => ask(answer.question, answer)),
    ...(beside === null
      ? []
      : [
          button('Better than the one before', tell('prefer', { chosen: id, rejected: beside.id }, 'Kept.')),
          button('Worse than the one before', tell('prefer', { chosen: beside.id, rejected: id }, 'Kept.')),
        ]),
    button('Delete', async () => {
      await tell('delete', { question: answer.questionId }, 'Deleted, with all that was said of it.')()
      item.remove()
    }),
    correction,
    button('Keep the correction', () => tell('correct', { answer: id, text: correction.value }, 'Correction kept.')()),
  )
}

function button(text: string, act: () => Promise<void>): HTMLButtonElement {
  const made = document.createElement('button')
  made.type = 'button'
  made.textContent = text
  made.addEventListener('click', () => void act())
  return made
}

async function showVersions(): Promise<void> {
  const { versions, log } = (await (await fetch('api/versions')).json()) as Record<'versions' | 'log', string>
  at('versions', HTMLPreElement).textContent = versions
  at('log', HTMLPreElement).textContent = log
}

async function send(path: string, body: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(`api/${path}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    ...(signal && { signal }),
  })
  if (!response.ok) throw new Error(((await response.json()) as { readonly error: string }).error)
  return response
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    const lines = (rest + read.value).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function say(words: string): void {
  status.textContent = words
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
