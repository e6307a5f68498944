import type { ReactNode } from "react";
import styles from "./article.module.css";
import { splitBlocks, splitInline, type Block } from "./blocks";

type Show = (text: string) => ReactNode;

interface PassageTextProps {
  text: string;
  /** What stands for a piece of text, where some of it is to be marked. */
  show?: Show;
}

/** A passage as a reader sees it. Its text reaches the page as text, never as markup. */
export function PassageText({ text, show = (piece) => piece }: PassageTextProps) {
  return (
    <div className={styles.text}>
      {splitBlocks(text).map((block, index) => (
        <BlockView key={index} block={block} show={show} />
      ))}
    </div>
  );
}

function BlockView({ block, show }: { block: Block; show: Show }) {
  if (block.kind === "code") return <pre tabIndex={0}>{show(block.text)}</pre>;
  if (block.kind === "paragraph") {
    return (
      <p>
        <Line text={block.text} show={show} />
      </p>
    );
  }
  const items = block.items.map((item, index) => (
    <li key={index}>
      <Line text={item} show={show} />
    </li>
  ));
  return block.isNumbered ? <ol>{items}</ol> : <ul>{items}</ul>;
}

function Line({ text, show }: { text: string; show: Show }) {
  return splitInline(text).map(({ kind, text: piece }, index) => {
    const Tag = kind === "text" ? "span" : kind;
    return <Tag key={index}>{show(piece)}</Tag>;
  });
}
