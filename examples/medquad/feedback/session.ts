import { generateText, MedAwareError, openAdapter, type ProgressLine } from 'peft-medaware'
import { baseOf } from '../bases.ts'
import { dialogueOf } from '../dialogue.ts'
import { deviceFlag, text } from '../flags.ts'
import { type OpenedModel, openModel } from './open-base.ts'
import { adapterOf, keepAdapter, versionFolder } from './round/round-folder.ts'
import { type AskedAnswer, FeedbackStore } from './store/feedback-store.ts'

/** The flag that every verb has. */
export const storeFlag = { store: text('out/medquad-feedback') }
/** The flags of verbs that open the model. */
export const modelFlags = { ...storeFlag, model: text(undefined), adapter: text(undefined), device: deviceFlag }

/** What a help says of them. */
export const storeHelp = `  --store DIR     where feedback and versions are      (out/medquad-feedback)`
export const modelHelp = `${storeHelp}
  --model SOURCE  the base model, when the store begins    (examples/medquad/base)
  --adapter DIR   the adapter to begin with            (none: the base alone)
  --device WHICH  auto, cpu or webgpu                  (auto)`

/** How an answer is drawn. */
export interface AskOptions {
  readonly seed: number
  readonly temperature: number
  readonly tokens: number
  readonly signal?: AbortSignal
}

/**
 * Opens a store; an empty one begins with this model and adapter, and another model than it began with is refused.
 * @throws MedAwareError `config`, and as `FeedbackStore.open`.
 */
export async function openStore({
  store: folder,
  model,
  adapter,
}: {
  readonly store: string
  readonly model?: string | undefined
  readonly adapter?: string | undefined
}): Promise<FeedbackStore> {
  const store = await FeedbackStore.open(folder)
  const began = store.versions.fact('model')
  const { source } = baseOf(model)
  if (began === null) {
    if (adapter !== undefined) await keepAdapter(adapter, versionFolder(folder, 1))
    store.versions.begin(source, { adapter: adapter ?? null })
  } else if (adapter !== undefined || (model !== undefined && source !== began)) {
    store.close()
    throw new MedAwareError(
      'config',
      `${folder} began with ${began}; leave --model and --adapter out, or give another --store`,
    )
  }
  return store
}

/** The model of a store. */
export function openStoreModel(
  store: FeedbackStore,
  opening: Pick<Parameters<typeof openModel>[0], 'device' | 'line' | 'warn'>,
): Promise<OpenedModel> {
  return openModel({ ...opening, model: store.versions.fact('model') ?? undefined })
}

/** A model with the active version on it, which answers and keeps what it answered. */
export class Session {
  private constructor(
    readonly store: FeedbackStore,
    private readonly opened: OpenedModel,
    private readonly version: number,
  ) {}

  static async open(
    flags: { readonly store: string; readonly model: string | undefined; readonly adapter: string | undefined } & {
      readonly device: 'auto' | 'cpu' | 'webgpu'
    },
    line: ProgressLine,
  ): Promise<Session> {
    const store = await openStore(flags)
    const opened = await openStoreModel(store, { device: flags.device, line, warn: (words) => console.error(words) })
    line.clear()
    const { active } = store.versions
    const folder = adapterOf(store.folder, active)
    if (folder !== null) await openAdapter(opened.model, folder, { device: opened.device })
    return new Session(store, opened, active.id)
  }

  /** Answers in pieces, and then keeps the whole; one that was broken off is not kept. @returns What was kept. */
  async *ask(question: string, options: AskOptions): AsyncGenerator<string, AskedAnswer, undefined> {
    const { model, tokenizer, source } = this.opened
    const { seed, temperature, tokens, signal } = options
    const sampling = temperature > 0 ? { doSample: true, temperature, topP: 0.9 } : { doSample: false }
    const settings = { ...sampling, maxNewTokens: tokens, repetitionPenalty: 1.15 }
    const id = this.store.addQuestion(question)
    const prompt = await dialogueOf(tokenizer).promptOf(question.trim())
    let answer = ''
    for await (const piece of generateText(model, tokenizer, prompt, {
      ...settings,
      seed,
      ...(signal && { signal }),
    })) {
      answer += piece
      yield piece
    }
    const given = { text: answer, model: source, version: this.version, seed, settings }
    return this.store.answer(this.store.addAnswer(id, given))
  }

  close(): void {
    this.store.close()
    this.opened.device.dispose()
  }
}
