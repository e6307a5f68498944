import { beforeEach, describe, expect, it } from "vitest";
import { createDraft } from "../src/shared/draft";

beforeEach(() => sessionStorage.clear());

describe("A draft", () => {
  it("is there again after a reload", () => {
    createDraft<string>("reply").save("Half a sent");
    expect(createDraft<string>("reply").load()).toBe("Half a sent");
  });

  it("is kept apart from others", () => {
    createDraft<string>("reply.TF-1").save("one");
    expect(createDraft<string>("reply.TF-2").load()).toBeNull();
  });

  it("is gone once cleared", () => {
    const draft = createDraft<string>("reply");
    draft.save("x");
    draft.clear();
    expect(draft.load()).toBeNull();
    expect(sessionStorage.length).toBe(0);
  });

  it("is nothing when the storage holds nonsense", () => {
    sessionStorage.setItem("reply", "{oops");
    expect(createDraft("reply").load()).toBeNull();
  });

  it("never disturbs writing when the browser forbids storage", () => {
    const draft = createDraft<string>("reply", () => {
      throw new DOMException("denied", "SecurityError");
    });
    draft.save("x");
    draft.clear();
    expect(draft.load()).toBeNull();
  });
});
