import { FIELDS, type Written } from "./validation";

export function readForm(form: HTMLFormElement): Written {
  const data = new FormData(form);
  const entries = FIELDS.map((field) => [field, String(data.get(field) ?? "")]);
  return Object.fromEntries(entries) as Written;
}

/** Puts a kept draft back into the form. */
export function fillForm(form: HTMLFormElement, draft: Partial<Written>): void {
  for (const field of FIELDS) {
    const value = draft[field];
    if (typeof value !== "string") continue;
    for (const control of findControls(form, field)) writeControl(control, value);
  }
}

/** Every control of a field; only the priority has several. */
export function findControls(form: HTMLFormElement, field: string): HTMLElement[] {
  const controls = [...form.querySelectorAll<HTMLElement>("[name]")];
  return controls.filter((control) => control.getAttribute("name") === field);
}

/** The control to focus for a field: of a group, the chosen one. */
export function findFocusTarget(form: HTMLFormElement, field: string): HTMLElement | null {
  const controls = findControls(form, field);
  return controls.find((control) => control.matches(":checked")) ?? controls[0] ?? null;
}

function writeControl(control: HTMLElement, value: string): void {
  if (control instanceof HTMLInputElement && control.type === "radio") {
    control.checked = control.value === value;
  } else if (control instanceof HTMLSelectElement) {
    if ([...control.options].some((option) => option.value === value)) control.value = value;
  } else if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement) {
    control.value = value;
  }
}
