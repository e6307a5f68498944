import { describe, expect, it } from "vitest";
import { reconnectDelay } from "../src/shared/backoff";

describe("The wait before reconnecting", () => {
  it("doubles and stops growing at half a minute", () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) => reconnectDelay(attempt, () => 1));
    expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("is spread by chance, but never below half", () => {
    expect(reconnectDelay(2, () => 0)).toBe(2_000);
    expect(reconnectDelay(2, () => 0.5)).toBe(3_000);
  });
});
