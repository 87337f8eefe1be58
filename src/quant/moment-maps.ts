import { dynamicMap } from './dynamic-map.ts'

/** The values of AdamW's moments in 8 bits: those of the first, which have signs, then those of the second. */
export const momentMaps = Float32Array.of(...dynamicMap(true), ...dynamicMap(false))
