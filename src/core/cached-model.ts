/** Begins the folder of a model in huggingface_hub's cache. */
const prefix = 'models--'

/** The folder of a model there (huggingface_hub, file_download.py's repo_folder_name). @param name `owner/name`. */
export function cachedModelFolder(name: string): string {
  return prefix + name.replaceAll('/', '--')
}

/** The name of the model that a folder there is of; null for another folder. */
export function cachedModelName(folder: string): string | null {
  return folder.startsWith(prefix) ? folder.slice(prefix.length).replace('--', '/') : null
}
