export interface Part {
  text: string;
  isFound: boolean;
}

const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}'’-]*/gu;
/** Words this short stand everywhere. */
const SHORTEST = 3;

/** Marks the words of a question in a text, whatever their case, accents and endings. */
export function markWords(text: string, question: string): Part[] {
  const wanted = new Set((question.match(WORD) ?? []).filter(({ length }) => length >= SHORTEST).map(findStem));
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (word.length < SHORTEST || !wanted.has(findStem(word))) continue;
    if (index > end) parts.push({ text: text.slice(end, index), isFound: false });
    parts.push({ text: word, isFound: true });
    end = index + word.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isFound: false });
  return parts;
}

/** Close enough for showing: the search itself knows the endings of each language. */
function findStem(word: string): string {
  const plain = word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.length > 4 ? plain.replace(/(?:ing|ed|es|s|en|e)$/, "") : plain;
}
