/** Something the customer typed and has not sent yet; it survives a reload but not the tab. */
export interface Draft<Value> {
  load(): Value | null;
  save(value: Value): void;
  clear(): void;
}

/** Storage may be full or forbidden. A draft that cannot be kept must never stop the customer from writing. */
export function createDraft<Value>(key: string, storage: () => Storage = () => sessionStorage): Draft<Value> {
  return {
    load: () =>
      attempt(() => {
        const text = storage().getItem(key);
        return text === null ? null : (JSON.parse(text) as Value);
      }),
    save: (value) => void attempt(() => storage().setItem(key, JSON.stringify(value))),
    clear: () => void attempt(() => storage().removeItem(key)),
  };
}

function attempt<Result>(action: () => Result): Result | null {
  try {
    return action();
  } catch {
    return null;
  }
}
