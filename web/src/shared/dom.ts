/** Finds an element the page's HTML promises; a missing one is our mistake and fails loudly. */
export function find<Type extends Element>(selector: string, type: new () => Type, root: ParentNode = document): Type {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`The page has no ${selector}`);
  return element;
}

/** Creates an element. Strings among the children become text, never markup. */
export function create<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes only what changed: screen readers announce every write to a live region, also a repeated one. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
