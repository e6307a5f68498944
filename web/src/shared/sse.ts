/** Reads text/event-stream from fetch: EventSource cannot send the Authorization header. */

export interface ServerEvent {
  name: string;
  data: string;
  /** Where to go on after a lost connection; of the last event that named one. */
  id: string | null;
}

export class EventStreamParser {
  private rest = "";
  private name = "";
  private data: string[] = [];
  private id: string | null = null;
  private endedOnCarriageReturn = false;

  /** Takes the next piece of the stream, cut anywhere, and returns the events it completes. */
  push(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.rest + this.withoutSplitLineFeed(chunk)).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = line === "" ? this.dispatch() : this.readField(line);
      if (event) events.push(event);
    }
    return events;
  }

  /** A CRLF cut in half already ended its line; its line feed must not end another. */
  private withoutSplitLineFeed(chunk: string): string {
    if (chunk === "") return chunk;
    const text = this.endedOnCarriageReturn && chunk.startsWith("\n") ? chunk.slice(1) : chunk;
    this.endedOnCarriageReturn = chunk.endsWith("\r");
    return text;
  }

  private readField(line: string): null {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    if (field === "data") this.data.push(value);
    if (field === "id") this.id = value;
    return null;
  }

  private dispatch(): ServerEvent | null {
    const event = { name: this.name || "message", data: this.data.join("\n"), id: this.id };
    const isEmpty = this.data.length === 0;
    this.name = "";
    this.data = [];
    return isEmpty ? null : event;
  }
}

/** Resolves when the server ends the stream, rejects when it breaks. `onBytes` also hears of keep-alives. */
export async function readEvents(
  stream: ReadableStream<Uint8Array>,
  onEvent: (event: ServerEvent) => void,
  onBytes: () => void,
): Promise<void> {
  const parser = new EventStreamParser();
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.push(decoder.decode(value, { stream: true })).forEach(onEvent);
    onBytes();
  }
}
