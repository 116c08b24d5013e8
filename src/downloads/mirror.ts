/** The name of the file a URL ends in, decoded; empty where it ends in a folder. */
export function fileNameOf(url: string): string {
  const name = URL.canParse(url) ? new URL(url).pathname.split('/').pop()! : url.split('/').pop()!;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/**
 * Sources with a mirror before them: a folder on a server that holds the same files under the same names.
 *
 * @example
 * mirroredSources(['https://a.org/x/DAVIS.zip'], 'http://10.0.0.5/sets')
 * // ['http://10.0.0.5/sets/DAVIS.zip', 'https://a.org/x/DAVIS.zip']
 */
export function mirroredSources(sources: readonly string[], mirror?: string): string[] {
  if (mirror === undefined) return [...sources];
  const folder = mirror.replace(/\/+$/, '');
  return [...new Set(sources.map(source => `${folder}/${encodeURIComponent(fileNameOf(source))}`)), ...sources];
}
