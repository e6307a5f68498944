export const MESSAGE_LIMIT = 10_000;
const SHOW_COUNTER_BELOW = 500;

/** Counts as the server does: an emoji is one character, not the two that `length` sees. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** What the counter under a message box says; empty while the limit is far away. */
export function describeRoom(text: string, limit: number = MESSAGE_LIMIT): string {
  const left = limit - countCharacters(text.trim());
  if (left > SHOW_COUNTER_BELOW) return "";
  const amount = `${Math.abs(left).toLocaleString("en")} ${Math.abs(left) === 1 ? "character" : "characters"}`;
  return left >= 0 ? `${amount} left` : `${amount} too many`;
}
