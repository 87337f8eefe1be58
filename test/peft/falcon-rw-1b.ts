/** Falcon-RW-1B, as its config.json says. */
export const falconRw1b = {
  ...{ model_type: 'falcon', vocab_size: 50304, hidden_size: 2048, num_hidden_layers: 24, num_attention_heads: 32 },
  ...{ ffn_hidden_size: 8192, alibi: true, bias: true, multi_query: false, parallel_attn: false },
  ...{ new_decoder_architecture: false },
}
