const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]

/** A moment by Python's `strftime`, in local time and English; a code that is not known stays as it is. */
export function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const newYear = Date.UTC(date.getFullYear(), 0, 1)
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())
  const codes: Readonly<Record<string, string>> = {
    ...{ Y: String(date.getFullYear()), y: two(date.getFullYear() % 100), m: two(date.getMonth() + 1) },
    ...{ B: months[date.getMonth()] ?? '', b: months[date.getMonth()]?.slice(0, 3) ?? '' },
    ...{ A: days[date.getDay()] ?? '', a: days[date.getDay()]?.slice(0, 3) ?? '', w: String(date.getDay()) },
    ...{ d: two(date.getDate()), j: String((day - newYear) / 86_400_000 + 1).padStart(3, '0') },
    ...{ H: two(date.getHours()), I: two(date.getHours() % 12 || 12), p: date.getHours() < 12 ? 'AM' : 'PM' },
    ...{ M: two(date.getMinutes()), S: two(date.getSeconds()), '%': '%' },
  }
  return format.replace(/%(.)/g, (code, letter: string) => codes[letter] ?? code)
}
