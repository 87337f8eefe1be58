/** A column of the matrix: a tiny model of an architecture, by what PEFT's configs call its parts. */
export interface Family {
  readonly name: string
  /** Below test/fixtures. */
  readonly folder: string
  readonly attention: readonly string[]
  /** Where IA3 scales the input. */
  readonly down: string
  readonly norm: string
  readonly lastNorm: string
  readonly embedding: string
  /** The only rows that run on it, where another family has the same parts. Default: all. */
  readonly rows?: readonly string[]
}

/** A PEFT config as adapter_config.json has it, without what it does not care for. */
export type PeftConfig = { readonly peft_type: string; readonly [field: string]: unknown }

/** A row of the matrix. */
export interface Row {
  readonly name: string
  readonly config: (family: Family) => PeftConfig
  /** Whether a start that changes the base is saved as plain LoRA. */
  readonly convert?: boolean
  /** Whether other weights are saved than were trained: ranks that are left, a plain LoRA. */
  readonly savesOthers?: boolean
  /** Whether it starts from what its layers get. */
  readonly fromData?: boolean
  /** Whether its base is in 4 bits, whose loss A and B begin as. */
  readonly replaced?: boolean
  /** Why it cannot be trained here, though adapters of it are read. */
  readonly notHere?: string
  /** What PEFT says where it cannot train it itself, by family. */
  readonly notInPeft?: Readonly<Record<string, RegExp>>
  /** What PEFT says where it cannot merge, by family. */
  readonly notMerged?: Readonly<Record<string, RegExp>>
}

/** Steps that each side trains. */
export const steps = 4

const falcon = { attention: ['query_key_value'], down: 'dense_4h_to_h', lastNorm: 'ln_f', embedding: 'word_embeddings' }
const llama = {
  ...{ attention: ['q_proj', 'v_proj'], down: 'down_proj', norm: 'input_layernorm' },
  ...{ lastNorm: 'norm', embedding: 'embed_tokens' },
}

/**
 * What meets a family's own parts: every linear, a norm, the table, what is merged, and keys and values before the
 * text.
 */
const few = [
  'lora, all-linear',
  'lora, embedding',
  'dora, all-linear',
  'loftq, replaced',
  'oft',
  'ln tuning',
  'prefix tuning',
]
const own = { rows: [...few, 'ia3'] }
/** PEFT does not say where IA3 goes in it. */
const smollm3 = { rows: [...few, 'ia3, random start'] }

export const families: readonly Family[] = [
  { name: 'falcon-rw', folder: 'tiny-falcon-rw', norm: 'input_layernorm', ...falcon },
  { name: 'falcon-7b', folder: 'tiny-family/falcon-7b', norm: 'input_layernorm', ...falcon },
  { name: 'falcon-40b', folder: 'tiny-family/falcon-40b', norm: 'ln_attn', ...falcon },
  { name: 'llama', folder: 'tiny-family/falcon3', ...llama },
  { name: 'llama, tied', folder: 'tiny-family/llama-tied', ...llama },
  { name: 'qwen2', folder: 'tiny-family/qwen2', ...llama },
  { name: 'gemma3', folder: 'tiny-family/gemma3', ...llama },
  { name: 'qwen3', folder: 'tiny-family/qwen3', ...llama, ...own },
  { name: 'qwen3, window', folder: 'tiny-family/qwen3-window', ...llama, ...own },
  { name: 'mistral', folder: 'tiny-family/mistral', ...llama, ...own },
  { name: 'smollm3', folder: 'tiny-family/smollm3', ...llama, ...smollm3 },
]

type Fields = Readonly<Record<string, unknown>>

/** On the attention's projections. */
const on = (peft_type: string, fields: Fields | ((family: Family) => Fields) = {}) => {
  return (family: Family): PeftConfig => ({
    ...{ peft_type, target_modules: family.attention },
    ...(typeof fields === 'function' ? fields(family) : fields),
  })
}
const lora = (fields: Fields | ((family: Family) => Fields) = {}) => {
  return (family: Family): PeftConfig => {
    return on('LORA', { r: 4, lora_alpha: 8, ...(typeof fields === 'function' ? fields(family) : fields) })(family)
  }
}
const prompt = (peft_type: string, fields: Fields = {}) => {
  return (): PeftConfig => ({ peft_type, num_virtual_tokens: 3, ...fields })
}

const noBias = /no bias/
const oneKey = { 'falcon-7b': /Sizes of tensors must match/ }

export const rows: readonly Row[] = [
  { name: 'lora', config: lora() },
  { name: 'lora, all-linear', config: lora({ target_modules: 'all-linear' }) },
  { name: 'lora, dropout', config: lora({ lora_dropout: 0.1 }) },
  { name: 'lora, bias of its layers', config: lora({ bias: 'lora_only' }) },
  { name: 'lora, all biases', config: lora({ bias: 'all' }) },
  {
    name: 'lora, patterns',
    config: lora(({ attention: [first = ''] }) => ({
      ...{ layers_to_transform: [1], rank_pattern: { [first]: 3 }, alpha_pattern: { [first]: 5 } },
    })),
  },
  {
    name: 'lora, expressions',
    config: lora({ target_modules: '(?i).*\\.\\d++\\..*(PROJ|VALUE)', exclude_modules: '.*(?<!v_proj)(?<!value)' }),
  },
  {
    name: 'lora, empty lists',
    config: lora({ exclude_modules: [], layers_to_transform: [], layers_pattern: [], modules_to_save: [] }),
  },
  { name: 'rslora', config: lora({ use_rslora: true, init_lora_weights: 'gaussian' }) },
  { name: 'lora, random start', config: lora({ init_lora_weights: false }) },
  {
    name: 'lora, lora_bias',
    config: lora({ lora_bias: true }),
    notMerged: { 'falcon-7b': noBias, 'falcon-40b': noBias, llama: noBias, gemma3: noBias },
  },
  {
    name: 'lora, embedding',
    config: lora(({ attention, embedding }) => ({ target_modules: [...attention, embedding] })),
  },
  { name: 'lora, modules to save', config: lora(({ lastNorm }) => ({ modules_to_save: [lastNorm] })) },
  {
    name: 'lora, trainable tokens',
    config: lora(({ embedding }) => ({ trainable_token_indices: { [embedding]: [5, 9, 30] } })),
  },
  { name: 'orthogonal', config: lora({ init_lora_weights: 'orthogonal' }) },
  { name: 'mica', config: lora({ init_lora_weights: 'mica' }), notHere: 'a start that this library does not have' },
  { name: 'pissa', config: lora({ init_lora_weights: 'pissa' }) },
  { name: 'pissa, converted', config: lora({ init_lora_weights: 'pissa' }), convert: true, savesOthers: true },
  { name: 'olora', config: lora({ init_lora_weights: 'olora' }) },
  { name: 'olora, converted', config: lora({ init_lora_weights: 'olora' }), convert: true, savesOthers: true },
  { name: 'eva', config: lora({ init_lora_weights: 'eva', eva_config: { rho: 2 } }), fromData: true },
  ...['ipm', 'kpm'].map((corda_method) => ({
    name: `corda ${corda_method}, converted`,
    config: lora({ init_lora_weights: 'corda', corda_config: { corda_method } }),
    ...{ fromData: true, convert: true, savesOthers: true },
  })),
  {
    name: 'loftq',
    config: lora({ init_lora_weights: 'loftq', loftq_config: { loftq_bits: 4, loftq_iter: 2 } }),
  },
  {
    name: 'loftq, replaced',
    config: lora(),
    replaced: true,
    notMerged: Object.fromEntries(families.map(({ name }) => [name, /rounding errors/])),
  },
  { name: 'dora', config: lora({ use_dora: true }) },
  { name: 'dora, all-linear', config: lora({ use_dora: true, use_rslora: true, target_modules: 'all-linear' }) },
  { name: 'ia3', config: () => ({ peft_type: 'IA3' }) },
  {
    name: 'ia3, random start',
    config: ({ down }) => ({
      ...{
        peft_type: 'IA3',
        target_modules: 'all-linear',
        feedforward_modules: `.*\\.${down}`,
        init_ia3_weights: false,
      },
    }),
  },
  { name: 'vera', config: on('VERA', { r: 8 }) },
  { name: 'vera, seeded', config: on('VERA', { r: 8, save_projection: false, projection_prng_key: 7 }) },
  {
    name: 'adalora',
    config: on('ADALORA', { init_r: 4, target_r: 2, lora_alpha: 8, total_step: steps, tinit: 1, tfinal: 1 }),
    savesOthers: true,
  },
  { name: 'loha', config: on('LOHA', { r: 3, alpha: 6 }) },
  { name: 'lokr', config: on('LOKR', { r: 2, alpha: 4 }) },
  { name: 'lokr, both', config: on('LOKR', { r: 1, alpha: 2, decompose_both: true, decompose_factor: 4 }) },
  { name: 'oft', config: on('OFT', { r: 0, oft_block_size: 8 }) },
  { name: 'ln tuning', config: ({ norm }) => ({ peft_type: 'LN_TUNING', target_modules: [norm] }) },
  {
    name: 'trainable tokens',
    config: () => ({ peft_type: 'TRAINABLE_TOKENS', token_indices: [6, 10, 27] }),
  },
  { name: 'prompt tuning', config: prompt('PROMPT_TUNING') },
  { name: 'prefix tuning', config: prompt('PREFIX_TUNING'), notInPeft: oneKey },
  {
    name: 'prefix tuning, projected',
    config: prompt('PREFIX_TUNING', { prefix_projection: true, encoder_hidden_size: 12 }),
    notInPeft: oneKey,
  },
  { name: 'p-tuning', config: prompt('P_TUNING', { encoder_hidden_size: 12 }) },
  {
    name: 'p-tuning, lstm',
    config: prompt('P_TUNING', {
      ...{ encoder_hidden_size: 10, encoder_reparameterization_type: 'LSTM', encoder_dropout: 0 },
    }),
  },
]
