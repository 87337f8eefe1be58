import { methodOf, methods } from './methods.ts'
import type { Settings } from './settings.ts'

/** What defaults hang on beside the settings themselves. */
export interface ModelKind {
  /** LoRA's usual learning rate for it. */
  readonly learningRate: number
  readonly targetModules: Settings['targetModules']
}

interface CommonRow<K extends keyof Settings> {
  readonly name: K
  /** Of its field in the page. */
  readonly id: string
  readonly label: string
  readonly help: string
  readonly isAdvanced: boolean
  /** What it is where the person has not said. @param settings Those of the rows before. */
  defaultOf(settings: Settings, model: ModelKind): Settings[K]
  /** Whether it does anything beside the others; else it is not shown. Default: it does. */
  applies?(settings: Settings): boolean
}

type NamesOf<T> = { [K in keyof Settings]: Settings[K] extends T ? K : never }[keyof Settings]

/** A setting that is a number. */
export interface NumberRow<K extends NamesOf<number> = NamesOf<number>> extends CommonRow<K> {
  readonly from: number
  readonly to: number
  readonly isWhole: boolean
  /** Behind the label. */
  readonly unit?: string
}

/** A setting that is one of a few words. */
export interface ChoiceRow<K extends NamesOf<string> = NamesOf<string>> extends CommonRow<K> {
  readonly choices: Readonly<Record<Settings[K], string>>
  /** What is said of the choice of now. */
  about?(settings: Settings): string
}

export type SettingRow =
  { [K in NamesOf<number>]: NumberRow<K> }[NamesOf<number>] | { [K in NamesOf<string>]: ChoiceRow<K> }[NamesOf<string>]

const whole = (from: number, to: number) => ({ from, to, isWhole: true })
const share = (to: number) => ({ from: 0, to, isWhole: false })
const method = (settings: Settings) => methodOf(settings.method)

/** Each setting with its help, its default and its limits, in the page's order: a default may hang on rows above. */
export const settingRows: readonly SettingRow[] = [
  {
    ...{ name: 'duration', id: 'duration', label: 'Train for', isAdvanced: false },
    help: 'A number of steps, or a number of passes over all questions.',
    choices: { steps: 'Steps', epochs: 'Passes over the data' },
    defaultOf: () => 'steps',
  },
  {
    ...{ name: 'steps', id: 'steps', label: 'Steps', isAdvanced: false, ...whole(1, 100_000) },
    help: 'How often the adapter is changed. More steps learn more, and in the end by heart.',
    defaultOf: () => 100,
    applies: ({ duration }) => duration === 'steps',
  },
  {
    ...{ name: 'epochs', id: 'epochs', label: 'Passes', isAdvanced: false, from: 0.01, to: 1000, isWhole: false },
    help: 'How often each question is seen. One to three are usual; a part of a pass may be given, such as 0.5.',
    defaultOf: () => 3,
    applies: ({ duration }) => duration === 'epochs',
  },
  {
    ...{ name: 'batchSize', id: 'batch', label: 'Questions a step', isAdvanced: false, ...whole(1, 512) },
    help: 'How many questions go through the model at once. Memory grows with it.',
    defaultOf: () => 4,
  },
  {
    ...{ name: 'maxLength', id: 'length', label: 'Tokens at most', isAdvanced: false, ...whole(16, 8192) },
    help: 'Of a question with its answer; what is beyond is cut off. A token is about three quarters of a word of English. Memory grows with it.',
    defaultOf: () => 256,
  },
  {
    ...{ name: 'method', id: 'method', label: 'Method', isAdvanced: false },
    help: 'Which small weights are trained beside the frozen model.',
    choices: Object.fromEntries(Object.entries(methods).map(([name, { label }]) => [name, label])) as Record<
      Settings['method'],
      string
    >,
    about: (settings) => method(settings).about,
    defaultOf: () => 'lora',
  },
  {
    ...{ name: 'rank', id: 'rank', label: 'Rank', isAdvanced: false, ...whole(1, 1024) },
    help: 'How much the adapter can hold. 8 to 32 are usual; weights and file grow with it.',
    defaultOf: (settings) => method(settings).rank ?? 16,
    applies: (settings) => method(settings).rank !== null,
  },
  {
    ...{ name: 'learningRate', id: 'rate', label: 'Learning rate', isAdvanced: false },
    ...{ from: 1e-7, to: 1, isWhole: false },
    help: 'How far each step goes. Too high, and the loss jumps; too low, and little is learned. It follows the model and the method until you change it.',
    defaultOf: (settings, model) => Number((model.learningRate * method(settings).rate).toPrecision(6)),
  },
  {
    ...{ name: 'heldOutShare', id: 'held-out', label: 'Held out', unit: 'share', isAdvanced: false, ...share(0.9) },
    help: 'Share of the questions that is only measured on, so that learning by heart shows. All answers to a question are on one side, and of MedQuAD all that is about a disease. At most 40 of them are measured on; below 20 questions none is held out.',
    defaultOf: () => 0.1,
  },
  {
    ...{ name: 'targetModules', id: 'targets', label: 'Layers', isAdvanced: true },
    help: 'Where the adapter stands. On all linear layers it comes nearer to full fine-tuning, and takes more memory and time.',
    choices: { attention: 'Usual ones of attention', 'all-linear': 'All linear layers' },
    defaultOf: (_settings, model) => model.targetModules,
    applies: (settings) => method(settings).hasTargets,
  },
  {
    ...{ name: 'loraAlpha', id: 'alpha', label: 'Alpha', isAdvanced: true, from: 0.01, to: 10_000, isWhole: false },
    help: 'The update is scaled by alpha over the rank, of rsLoRA over its root. It follows the rank, twice as large, until you change it.',
    defaultOf: ({ rank }) => 2 * rank,
    applies: (settings) => method(settings).hasAlpha,
  },
  {
    ...{ name: 'loraDropout', id: 'dropout', label: 'Dropout', isAdvanced: true, ...share(0.9) },
    help: 'Share of the inputs of the adapter that is left out at random while it learns, which works against learning by heart.',
    defaultOf: () => 0.05,
    applies: (settings) => method(settings).hasDropout,
  },
  {
    ...{ name: 'gradientAccumulationSteps', id: 'accumulation', label: 'Passes a step', isAdvanced: true },
    ...whole(1, 256),
    help: 'How many batches are added up before the adapter is changed: a larger step in the same memory, and more time.',
    defaultOf: () => 1,
  },
  {
    ...{ name: 'gradientCheckpointing', id: 'recompute', label: 'Recompute activations', isAdvanced: true },
    help: 'Keeps less of the way through the model and computes it again on the way back: less memory, about a third more time, the same result.',
    choices: { off: 'No', on: 'Yes' },
    defaultOf: () => 'off',
  },
  {
    ...{ name: 'schedule', id: 'schedule', label: 'Schedule', isAdvanced: true },
    help: 'How the learning rate goes down over the run.',
    choices: { cosine: 'Cosine', linear: 'Linear', constant: 'Constant' },
    defaultOf: () => 'cosine',
  },
  {
    ...{ name: 'warmup', id: 'warmup', label: 'Warm-up', unit: 'share of steps', isAdvanced: true, ...share(0.9) },
    help: 'Share of the steps in which the rate rises from nothing to its height.',
    defaultOf: () => 0.05,
  },
  {
    ...{ name: 'evalSteps', id: 'eval-steps', label: 'Measure every', unit: 'steps', isAdvanced: true },
    ...whole(1, 100_000),
    help: 'Steps between two measurements on what is held out. Each takes about as long as some steps.',
    defaultOf: ({ duration, steps }) => (duration === 'steps' ? Math.max(1, Math.ceil(steps / 8)) : 50),
    applies: ({ heldOutShare }) => heldOutShare > 0,
  },
  {
    ...{ name: 'seed', id: 'seed', label: 'Seed', isAdvanced: true, ...whole(0, 2 ** 32 - 1) },
    help: 'Of all that is drawn at random. The same seed with the same data and settings gives the same adapter.',
    defaultOf: () => 42,
  },
]
