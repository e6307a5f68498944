/** What a passage is made of. Articles are written in Markdown; of that, this is what a reader needs. */
export type Block =
  | { kind: "paragraph"; text: string }
  | { kind: "code"; text: string }
  | { kind: "list"; isNumbered: boolean; items: string[] };

export type Inline = { kind: "text" | "strong" | "code"; text: string };

const ITEM = /^\s*(?:[-*•]|(\d{1,3})[.)])\s+/;
const FENCE = /^\s*```/;

/** Cuts a text into paragraphs, lists and code. Whatever is none of these stays a paragraph, to the letter. */
export function splitBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let code: string[] | null = null;
  let isOpen = false; // whether the next line goes on with the block before
  for (const line of text.split("\n")) {
    if (FENCE.test(line)) {
      if (code) blocks.push({ kind: "code", text: code.join("\n") });
      code = code ? null : [];
      isOpen = false;
    } else if (code) {
      code.push(line);
    } else if (line.trim() === "") {
      isOpen = false;
    } else {
      addLine(blocks, line, isOpen);
      isOpen = true;
    }
  }
  if (code) blocks.push({ kind: "code", text: code.join("\n") });
  return blocks;
}

function addLine(blocks: Block[], line: string, isOpen: boolean): void {
  const last = blocks.at(-1);
  const mark = ITEM.exec(line);
  if (mark) {
    const isNumbered = mark[1] !== undefined;
    const item = line.slice(mark[0].length);
    if (last?.kind === "list" && last.isNumbered === isNumbered) last.items.push(item);
    else blocks.push({ kind: "list", isNumbered, items: [item] });
  } else if (isOpen && last?.kind === "list") {
    last.items.push(`${last.items.pop() ?? ""} ${line.trim()}`);
  } else if (isOpen && last?.kind === "paragraph") {
    last.text += `\n${line}`;
  } else {
    blocks.push({ kind: "paragraph", text: line });
  }
}

/** Finds **strong** and `code` in a line. */
export function splitInline(text: string): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  for (const found of text.matchAll(/\*\*([^*\n]+)\*\*|`([^`\n]+)`/g)) {
    if (found.index > end) parts.push({ kind: "text", text: text.slice(end, found.index) });
    const [whole, strong, code] = found;
    parts.push(strong === undefined ? { kind: "code", text: code ?? "" } : { kind: "strong", text: strong });
    end = found.index + whole.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}
