/**
 * A number with a fixed count of decimals, rounded from its exact binary value with ties to even, as Python,
 * C and R print it: 4.125 gives 4.12 (`toFixed` gives 4.13). NaN, infinities and null give an en dash.
 */
export function fixed(value: number | null, decimals: number): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const rounded = value.toFixed(decimals);
  const exact = value.toFixed(100);
  const end = exact.indexOf('.') + 1 + decimals;
  const isTie = /^50*$/.test(exact.slice(end));
  const truncated = exact.slice(0, end).replace(/\.$/, '');
  return isTie && /[02468]$/.test(truncated) ? truncated : rounded;
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text made safe inside HTML elements and quoted attributes; control characters become U+FFFD. */
export function escapeHtml(text: string): string {
  return replaceControls(text).replace(/[&<>"']/g, char => entities[char]);
}

/** Text with the control and bidirectional-override characters that could move a cursor or reorder a line replaced by U+FFFD; newline and tab stay. */
export function replaceControls(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069\p{Cs}]/gu, '\ufffd');
}
