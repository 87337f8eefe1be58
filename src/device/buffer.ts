/** A piece of a device's memory. Its bytes have no type; tensors give them one. */
export interface DeviceBuffer {
  /** Bytes asked for; a device may hold a few more. */
  readonly byteLength: number
  readonly label: string
}
