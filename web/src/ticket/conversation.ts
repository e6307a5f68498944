import type { Message } from "../shared/api-types";
import { renderMessage } from "./message";

interface Shown {
  content: string;
  element: HTMLLIElement;
}

/** The list of messages. Leaves unchanged ones alone: an opened source, a selection and the focus survive an update. */
export class Conversation {
  private readonly list: HTMLOListElement;
  private shown = new Map<string, Shown>();

  constructor(list: HTMLOListElement) {
    this.list = list;
  }

  /** Returns the messages that were not there before. */
  update(messages: readonly Message[], now: number): Message[] {
    const before = this.shown;
    this.shown = new Map(messages.map((message) => [message.id, reuseOrRender(before.get(message.id), message, now)]));
    this.placeInOrder();
    return messages.filter((message) => !before.has(message.id));
  }

  private placeInOrder(): void {
    const wanted = [...this.shown.values()].map(({ element }) => element);
    const kept = new Set<Element>(wanted);
    for (const element of [...this.list.children]) if (!kept.has(element)) element.remove();
    wanted.forEach((element, index) => {
      const current = this.list.children[index];
      if (current !== element) this.list.insertBefore(element, current ?? null);
    });
  }
}

function reuseOrRender(previous: Shown | undefined, message: Message, now: number): Shown {
  const content = JSON.stringify(message);
  return previous?.content === content ? previous : { content, element: renderMessage(message, now) };
}
