/**
 * The first key that an object of a JSON text holds twice, or undefined. `JSON.parse` keeps the last one
 * silently, which in a weight file hides a tensor.
 *
 * @param text valid JSON.
 */
export function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '{') open.push(new Set());
    else if (char === '}') open.pop();
    else if (char === '"') {
      const end = stringEnd(text, i);
      if (isKey(text, end)) {
        const key: string = JSON.parse(text.slice(i, end));
        const keys = open[open.length - 1];
        if (keys.has(key)) return key;
        keys.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** The index after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

function isKey(text: string, end: number): boolean {
  let i = end;
  while (' \t\n\r'.includes(text[i]) && i < text.length) i++;
  return text[i] === ':';
}
