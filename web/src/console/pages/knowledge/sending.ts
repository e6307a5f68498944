/** Files on their way to the server. What it has taken stands in its own list of uploads. */
export interface Sending {
  id: number;
  name: string;
  state: "waiting" | "sending" | "refused";
  problem: string | null;
}

export type SendingStep =
  | { kind: "chosen"; files: readonly Sending[] }
  | { kind: "started"; id: number }
  | { kind: "refused"; id: number; problem: string }
  /** The server has it, or nobody wants to see it any more. */
  | { kind: "gone"; id: number };

export function reduceSending(sendings: readonly Sending[], step: SendingStep): readonly Sending[] {
  switch (step.kind) {
    case "chosen":
      return [...step.files, ...sendings];
    case "started":
      return change(sendings, step.id, { state: "sending", problem: null });
    case "refused":
      return change(sendings, step.id, { state: "refused", problem: step.problem });
    case "gone":
      return sendings.filter(({ id }) => id !== step.id);
  }
}

function change(sendings: readonly Sending[], id: number, parts: Partial<Sending>): readonly Sending[] {
  return sendings.map((sending) => (sending.id === id ? { ...sending, ...parts } : sending));
}
