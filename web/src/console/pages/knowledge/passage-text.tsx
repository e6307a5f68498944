import { splitBlocks, splitInline, type Block } from "./blocks";
import styles from "./article.module.css";

/** A passage as a reader sees it. Its text reaches the page as text, never as markup. */
export function PassageText({ text }: { text: string }) {
  return (
    <div className={styles.text}>
      {splitBlocks(text).map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }) {
  if (block.kind === "code") return <pre tabIndex={0}>{block.text}</pre>;
  if (block.kind === "paragraph") {
    return (
      <p>
        <Line text={block.text} />
      </p>
    );
  }
  const items = block.items.map((item, index) => (
    <li key={index}>
      <Line text={item} />
    </li>
  ));
  return block.isNumbered ? <ol>{items}</ol> : <ul>{items}</ul>;
}

function Line({ text }: { text: string }) {
  return splitInline(text).map(({ kind, text: part }, index) => {
    if (kind === "strong") return <strong key={index}>{part}</strong>;
    if (kind === "code") return <code key={index}>{part}</code>;
    return part;
  });
}
