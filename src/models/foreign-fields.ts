import type { ConfigFields } from './config-fields.ts'

/**
 * Fields by which other architectures compute something else, and the values at which they change nothing. A config
 * that has one at another value is of a model that would load and be silently wrong.
 */
const foreign: Readonly<Record<string, readonly (string | number | boolean)[]>> = {
  partial_rotary_factor: [1],
  rotary_pct: [1],
  logit_scale: [1],
  logits_scaling: [1],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  scale_emb: [1],
  scale_depth: [],
  final_logit_softcapping: [],
  attn_logit_softcapping: [],
  clip_qkv: [],
  qk_layernorm: [false],
  use_qk_norm: [false],
  no_rope_layers: [],
  attention_chunk_size: [],
  attn_temperature_tuning: [false, 0],
  apply_residual_connection_post_layernorm: [false],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
}

/** @throws MedAwareError `unsupported` that names the field and what is known of it. */
export function refuseForeign(fields: ConfigFields): void {
  for (const [key, known] of Object.entries(foreign)) fields.only(key, ...known)
  // Some files keep the size of a window that they do not use.
  if (fields.given(['use_sliding_window']) !== false) fields.only('sliding_window', 0)
  fields.under('quantization_config')?.only('quant_method', 'bitsandbytes')
}
