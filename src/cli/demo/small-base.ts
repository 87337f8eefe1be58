/** The model of the demonstration: a package of its own, of one version, since the same seed gives the same texts. */
export const smallBase = {
  name: 'peft-medaware-small-base',
  version: '1.0.0',
  /** Of its tarball, about, which is what is downloaded. */
  bytes: 2_300_000,
  files: ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'],
  /** Of model.safetensors. */
  sha256: '7f2acc19c25b2d82b3ece3da9eff7095bc60db1f32e2ee115eb31f059e3c5ec8',
} as const
