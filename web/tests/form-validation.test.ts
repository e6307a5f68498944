import { describe, expect, it } from "vitest";
import indexHtml from "../index.html?raw";
import { trimWritten, validate, type Written } from "../src/form/validation";
import { CATEGORIES, PRIORITIES } from "../src/shared/labels";
import { describeRoom } from "../src/shared/length";
import { sampleSubmission, showPage } from "./sample";

function wrongFields(change: Partial<Written>): string[] {
  return validate({ ...sampleSubmission(), ...change }).map(({ field }) => field);
}

describe("The form", () => {
  it("accepts a complete submission", () => {
    expect(wrongFields({})).toEqual([]);
  });

  it("offers every topic and priority that the server accepts, and no other", () => {
    showPage(indexHtml);
    const values = (selector: string) => [...document.querySelectorAll(selector)].map((e) => e.getAttribute("value"));
    expect(values("#category option")).toEqual([...CATEGORIES]);
    expect(values("input[name=priority]")).toEqual([...PRIORITIES]);
  });

  it("names every missing field, in the order of the page", () => {
    expect(wrongFields({ name: "", email: "", subject: "", message: "" })).toEqual([
      "name",
      "email",
      "subject",
      "message",
    ]);
  });

  it("takes blanks for nothing", () => {
    expect(wrongFields({ name: "   ", message: "\n\t " })).toEqual(["name", "message"]);
  });

  it.each(["mara", "mara@", "@example.com", "mara@example", "ma ra@example.com", "mara@example..com"])(
    "refuses %s as an email address",
    (email) => expect(wrongFields({ email })).toEqual(["email"]),
  );

  it.each(["mara@example.com", "o'hara+desk@mail.example.co.uk", "用户@例子.广告", " mara@example.com "])(
    "accepts %s as an email address",
    (email) => expect(wrongFields({ email })).toEqual([]),
  );

  it("allows each field its full length and not one character more", () => {
    const limits = { name: 120, subject: 200, message: 10_000 };
    for (const [field, limit] of Object.entries(limits)) {
      expect(wrongFields({ [field]: "x".repeat(limit) })).toEqual([]);
      expect(wrongFields({ [field]: "x".repeat(limit + 1) })).toEqual([field]);
    }
    expect(wrongFields({ email: `${"x".repeat(242)}@example.com` })).toEqual([]);
    expect(wrongFields({ email: `${"x".repeat(243)}@example.com` })).toEqual(["email"]);
  });

  it("counts an emoji as one character, as the server does", () => {
    expect(wrongFields({ message: "🙂".repeat(10_000) })).toEqual([]);
    expect(validate(sampleSubmission({ message: "🙂".repeat(10_001) }))[0]?.message).toContain("1 character too long");
  });

  it("refuses a topic or a priority that does not exist", () => {
    expect(wrongFields({ category: "weather", priority: "yesterday" })).toEqual(["category", "priority"]);
  });

  it("sends without the blanks around", () => {
    expect(trimWritten(sampleSubmission({ name: "  Mara ", message: " a\n b \n" }))).toMatchObject({
      name: "Mara",
      message: "a\n b",
    });
  });
});

describe("The counter under a message", () => {
  it("stays away until the limit is near", () => {
    expect(describeRoom("x".repeat(9_499))).toBe("");
    expect(describeRoom("x".repeat(9_500))).toBe("500 characters left");
    expect(describeRoom("x".repeat(9_999))).toBe("1 character left");
    expect(describeRoom("x".repeat(11_200))).toBe("1,200 characters too many");
  });
});
