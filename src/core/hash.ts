import { mix32 } from './random.ts'

/** 64 bits of a text as 16 hexadecimal digits: to tell texts apart, not to keep them secret. */
export function hashText(text: string): string {
  let [a, b] = [0x811c9dc5, 0x9e3779b9]
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x01000193)
    b = Math.imul(b ^ unit, 0x85ebca6b) + (b >>> 15)
  }
  return [mix32(a), mix32(b)].map((half) => half.toString(16).padStart(8, '0')).join('')
}
