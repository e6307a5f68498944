import { Button } from "@mantine/core";
import { hasScope, useUser } from "../../session/session-context";
import { DELIVERY_LABELS } from "./labels";
import { useVerdict } from "./queries";
import type { Message, Verdict } from "./types";
import styles from "./conversation.module.css";

interface DeliveryProps {
  message: Message;
  state: NonNullable<Message["delivery"]>;
  ticketRef: string;
}

/** How a reply arrived. Where nobody but a person can settle that, they are asked. */
export function Delivery({ message, state, ticketRef }: DeliveryProps) {
  const mayWrite = hasScope(useUser(), "tickets:write");
  const isBad = state === "failed" || state === "unknown" || state === "needs_template";
  if (!isBad) return <p className={styles.delivery}>{DELIVERY_LABELS[state]}</p>;
  return (
    <>
      <p className={styles.delivery}>
        <span className={styles.bad} data-state={state}>
          {DELIVERY_LABELS[state]}
        </span>
        {message.delivery_error}
      </p>
      {mayWrite && state !== "needs_template" && <Question id={message.id} state={state} ticketRef={ticketRef} />}
    </>
  );
}

const ADVICE = {
  failed: "Send it again once the cause is mended, or mark it as sent if the customer has it after all.",
  unknown: "Ask the customer or look among the sent messages first: if it arrived, sending it again gives it to them twice.",
};

interface QuestionProps {
  id: string;
  state: keyof typeof ADVICE;
  ticketRef: string;
}

function Question({ id, state, ticketRef }: QuestionProps) {
  const verdict = useVerdict(ticketRef);
  const settle = (outcome: Verdict["outcome"]): void => verdict.mutate({ id, outcome });
  return (
    <div className={styles.verdict} role="group" aria-label="Settle the delivery">
      <p>{ADVICE[state]}</p>
      <Button size="compact-sm" variant="default" disabled={verdict.isPending} onClick={() => settle("not_sent")}>
        Send again
      </Button>
      <Button size="compact-sm" variant="default" disabled={verdict.isPending} onClick={() => settle("sent")}>
        Mark as sent
      </Button>
    </div>
  );
}
