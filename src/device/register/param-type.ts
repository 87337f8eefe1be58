/** Types of a kernel's parameters: each takes 4 bytes in the uniform block. */
export type ParamType = 'u32' | 'f32'

/** Values of a kernel's parameters, by name. Booleans travel as 0 and 1. */
export type ParamValues<P extends Readonly<Record<string, ParamType>>> = { readonly [name in keyof P]: number }

/** The same of any kernel, for what goes by no kernel's names. */
export type Params = Readonly<Record<string, number>>
