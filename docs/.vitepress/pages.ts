import type { DefaultTheme } from 'vitepress'

type Item = DefaultTheme.SidebarItem

/** Pages of one section by their titles, in the order in which they are read. */
function pages(folder: string, titles: Readonly<Record<string, string>>): Item[] {
  return Object.entries(titles).map(([name, text]) => ({ text, link: `${folder}/${name}` }))
}

const start = pages('/start', { 'in-node': 'Five minutes in Node', 'in-a-page': 'Five minutes in a page' })

const tryIt = pages('/try', {
  quantise: 'Quantise a matrix',
  train: 'Train a small model',
  adapters: 'Compare adapters',
})

const guides = pages('/guides', {
  'your-data': 'Your own data',
  'choose-a-base': 'Choose a base',
  'choose-a-method': 'Choose a method',
  training: 'Train',
  memory: 'Memory',
  speed: 'Speed',
  models: 'Load a model',
  'save-and-export': 'Save, merge, export',
  evaluate: 'Evaluate',
  compare: 'Compare models',
  'private-data': 'Keep data private',
  'many-machines': 'From one machine to many',
  'in-a-page': 'In a page',
  worker: 'Off the main thread',
  serving: 'Serve',
  sharing: 'Share an adapter',
  feedback: 'Learn from feedback',
  'what-works-where': 'What works where',
  size: 'Size',
  alternatives: 'Alternatives',
})

const recipes = pages('/recipes', {
  medquad: 'MedQuAD on the small Falcon',
  smollm2: 'MedQuAD on SmolLM2',
  'in-a-page': 'MedQuAD in a page',
})

const results = pages('/results', {
  data: 'What is in MedQuAD',
  'data-curve': 'Quality against data',
  experiments: 'Experiments',
  'falcon-1b': "Falcon-RW-1B's size",
  figures: 'Where figures come from',
})

const explained = pages('/explained', {
  nf4: 'NF4',
  'double-quantisation': 'Double quantisation',
  lora: 'LoRA',
  'the-tape': 'The tape',
  'training-step': 'A training step',
  kernels: 'Kernels',
  threads: 'Threads',
  'who-owns-memory': 'Who owns memory',
  loading: 'Loading',
})

const reference = pages('/reference', {
  'api/': 'API by room',
  cli: 'Command line',
  options: "Options by Hugging Face's names",
  errors: 'Errors by code',
})

const comingFrom = pages('/coming-from', {
  peft: 'PEFT',
  trl: 'TRL',
  'mlx-lm': 'mlx-lm',
  'transformers-js': 'transformers.js',
})

const building: Item[] = [
  { text: 'Architecture', link: '/architecture' },
  { text: 'Contributing', link: '/contributing' },
]

/** The bar beside every page. */
export const sections: Item[] = [
  { text: 'Start', items: start },
  { text: 'Try it here', items: tryIt },
  { text: 'Guides', items: guides, collapsed: false },
  { text: 'Recipes', items: recipes },
  { text: 'Coming from', items: comingFrom, collapsed: false },
  { text: 'Explained', items: explained, collapsed: false },
  { text: 'Reference', items: reference, collapsed: false },
  { text: 'Results', items: results, collapsed: true },
  { text: 'Building it', items: building, collapsed: true },
]

/** The bar on top. */
export const nav: DefaultTheme.NavItem[] = [
  { text: 'Start', link: '/start/in-node', activeMatch: '^/start/' },
  { text: 'Guides', link: '/guides/your-data', activeMatch: '^/guides/' },
  { text: 'Recipes', link: '/recipes/medquad', activeMatch: '^/recipes/' },
  { text: 'Explained', link: '/explained/nf4', activeMatch: '^/explained/' },
  { text: 'Reference', link: '/reference/api/', activeMatch: '^/reference/' },
]
