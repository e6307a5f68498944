import type { Draft } from "./draft";

interface KeyedContent {
  key: string;
  content: string;
}

/**
 * Gives the same key for the same content until it was accepted, also after a reload: a customer who retries
 * after a lost answer must not open a second ticket.
 */
export class IdempotencyKey {
  private current: KeyedContent | null;

  constructor(
    private readonly kept: Draft<KeyedContent>,
    private readonly createKey: () => string = newKey,
  ) {
    this.current = kept.load();
  }

  keyFor(content: unknown): string {
    const fingerprint = JSON.stringify(content);
    if (this.current?.content !== fingerprint) {
      this.current = { key: this.createKey(), content: fingerprint };
      this.kept.save(this.current);
    }
    return this.current.key;
  }

  accepted(): void {
    this.current = null;
    this.kept.clear();
  }
}

/** A random UUID. `crypto.randomUUID` is missing on plain http, where a desk may be tried out in a local network. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
