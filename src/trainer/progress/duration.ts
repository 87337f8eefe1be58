/** 1:05 or 2:00:07. */
export function duration(seconds: number): string {
  const all = Math.max(0, Math.round(seconds))
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60]
  const pad = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(all % 60)}` : `${minutes}:${pad(all % 60)}`
}
