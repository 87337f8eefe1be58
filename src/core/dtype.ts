import { oneOf, type Rule } from './options.ts'

/** Element types a tensor on a device can have. */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'u8'

const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i32: 4, u8: 1 }

/** Bytes that one element of `dtype` takes. */
export function sizeOf(dtype: DType): number {
  return bytesPerElement[dtype]
}

/** A float that weights are kept in, also by the words of torch and Hugging Face. */
export const floatWord: Rule<'f32' | 'f16' | 'bf16'> = oneOf(['f32', 'f16', 'bf16'], {
  ...{ float32: 'f32', float: 'f32', fp32: 'f32', 'torch.float32': 'f32', 'torch.float': 'f32' },
  ...{ float16: 'f16', half: 'f16', fp16: 'f16', 'torch.float16': 'f16', 'torch.half': 'f16' },
  ...{ bfloat16: 'bf16', 'torch.bfloat16': 'bf16' },
})
