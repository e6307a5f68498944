import { beforeEach, describe, expect, it } from "vitest";
import { Commands } from "../../src/console/shell/commands";
import { Keyboard } from "../../src/console/shell/keyboard";
import { ManualClock } from "../sample";

describe("The keyboard", () => {
  let ran: string[];
  let commands: Commands;
  let clock: ManualClock;

  function press(key: string, parts: KeyboardEventInit = {}, target: Element = document.body): KeyboardEvent {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...parts });
    target.dispatchEvent(event);
    return event;
  }

  function offer(key: string, name = key): () => void {
    return commands.offer({ key, label: name, group: "Test", run: () => void ran.push(name) });
  }

  beforeEach(() => {
    document.body.innerHTML = '<input id="text"><div contenteditable="true" id="rich"></div><button>b</button>';
    ran = [];
    commands = new Commands();
    clock = new ManualClock();
    const { press: hear } = new Keyboard(commands, clock);
    const listen = (event: Event): void => hear(event as KeyboardEvent);
    document.body.addEventListener("keydown", listen);
    return () => document.body.removeEventListener("keydown", listen);
  });

  it("runs what a key stands for, and nothing else happens", () => {
    offer("j");
    expect(press("j").defaultPrevented).toBe(true);
    expect(press("x").defaultPrevented).toBe(false);
    expect(ran).toEqual(["j"]);
  });

  it("is off while somebody types", () => {
    offer("j");
    for (const id of ["text", "rich"]) press("j", {}, document.querySelector(`#${id}`) ?? document.body);
    expect(ran).toEqual([]);
    press("j", {}, document.querySelector("button") ?? document.body);
    expect(ran).toEqual(["j"]);
  });

  it("is off while a dialog is open", () => {
    offer("j");
    document.body.insertAdjacentHTML("beforeend", '<div role="dialog" aria-modal="true"></div>');
    press("j");
    expect(ran).toEqual([]);
  });

  it.each(["ctrlKey", "metaKey", "altKey"])("leaves %s to the browser", (modifier) => {
    offer("r");
    press("r", { [modifier]: true });
    expect(ran).toEqual([]);
  });

  it("takes two keys in a row", () => {
    offer("g t");
    offer("t");
    press("g");
    press("t");
    press("t");
    expect(ran).toEqual(["g t", "t"]);
  });

  it("forgets a first key whose second does not come", async () => {
    offer("g t");
    press("g");
    await clock.advance(2_000);
    press("t");
    expect(ran).toEqual([]);
  });

  it("forgets a first key when another comes that is no second", () => {
    offer("g t");
    offer("j");
    press("g");
    press("j");
    press("t");
    expect(ran).toEqual(["j"]);
  });

  it("lets the newest offer of a key count, until it is taken back", () => {
    offer("j", "below");
    const takeBack = offer("j", "above");
    press("j");
    takeBack();
    press("j");
    expect(ran).toEqual(["above", "below"]);
  });
});
