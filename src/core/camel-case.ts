/** A name of PEFT's files as this library has it: `lora_alpha` is `loraAlpha`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
