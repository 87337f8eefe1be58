/** What a config.json says of layers that bitsandbytes is to build. */
export interface BitsAndBytesLayers {
  readonly bits: 4 | 8
  /** What a product is computed in there: 'float32', 'float16' or 'bfloat16'. */
  readonly computeDType: string
  /** Of 4 bits. */
  readonly fourBitType: string
  readonly doubleQuant: boolean
  /** Paths of linear layers that keep their numbers. */
  readonly skipped: readonly string[]
}

/** The `quantization_config` of a config.json, in transformers' words (BitsAndBytesConfig.to_dict). */
export function bitsAndBytesConfig(layers: BitsAndBytesLayers): Readonly<Record<string, unknown>> {
  const { bits, computeDType, fourBitType, doubleQuant, skipped } = layers
  return {
    _load_in_4bit: bits === 4,
    _load_in_8bit: bits === 8,
    bnb_4bit_compute_dtype: computeDType,
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: fourBitType,
    bnb_4bit_use_double_quant: doubleQuant,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    // Without a list transformers spares the head; with one it has to be in it.
    llm_int8_skip_modules: skipped.length === 0 ? null : [...new Set(['lm_head', ...skipped])],
    llm_int8_threshold: 6,
    load_in_4bit: bits === 4,
    load_in_8bit: bits === 8,
    quant_method: 'bitsandbytes',
  }
}
