import type { ArticleRow, Audience } from "./types";

export const KIND_LABELS: Record<ArticleRow["kind"], string> = {
  article: "Article",
  resolution: "Learned answer",
};

export const AUDIENCE_LABELS: Record<Audience, string> = {
  public: "Customers",
  internal: "Staff only",
};

/** The languages that the desk tells apart. */
const LANGUAGES = "en de es fr pt it nl pl cs sv fi tr id ru ar hi ja ko th zh".split(" ");

const names = new Intl.DisplayNames("en", { type: "language", fallback: "code" });

export function nameLanguage(code: string | null): string {
  if (code === null) return "Any language";
  try {
    return names.of(code) ?? code;
  } catch {
    return code; // letters that no language has
  }
}

export const LANGUAGE_CHOICES = LANGUAGES.map((code) => ({ value: code, label: nameLanguage(code) }));

/** "1 passage", "12 passages". */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
