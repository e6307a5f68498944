/** Time as an argument, so that tests can move it. */
export interface Clock {
  now(): number;
  /** Runs the action once, later; the returned function calls it off. */
  after(milliseconds: number, action: () => void): () => void;
}

export const browserClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
