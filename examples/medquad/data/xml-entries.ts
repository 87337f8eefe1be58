/**
 * Bytes of one XML file (MedQuAD's largest has 0.1 MB), and of an unpacked archive with its entries (46 MB, 11,288).
 */
export const usualLimits = { file: 4e6, unpacked: 1e9, entries: 200_000 }

/** Whether a file of a folder or an archive is data in XML, by its path. */
export const isXml = (path: string): boolean => /\.xml$/i.test(path) && !isHidden(path)

/** Hidden parts are skipped: macOS leaves `._0000001.xml` beside each file it packs. */
export const isHidden = (path: string): boolean => path.split('/').some((part) => /^(\.[^./]|\._|__MACOSX$)/.test(part))

/** `collection/file.xml`: the last two parts of where a file lies. */
export const shortPath = (path: string): string => path.split('/').slice(-2).join('/')
