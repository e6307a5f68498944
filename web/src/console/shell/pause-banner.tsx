import { Alert, Code } from "@mantine/core";
import { PauseIcon } from "lucide-react";
import { useHealth } from "../api/health";
import { hasScope, useUser } from "../session/session-context";

/** Says to staff, on every page, that what they write waits as well. */
export function PauseBanner() {
  const pause = useHealth(hasScope(useUser(), "tickets:read")).data?.paused;
  return (
    <div role="status">
      {pause && (
        <Alert color="yellow" mb="md" icon={<PauseIcon size={18} aria-hidden />}>
          <strong>The desk is paused: nothing is sent.</strong> {describe(pause)} Messages are taken in, and replies wait
          until an operator runs <Code>nightdesk resume</Code>.
        </Alert>
      )}
    </div>
  );
}

/** Since when, and why. */
function describe({ since, reason }: { since: string | null; reason: string | null }): string {
  const when = since === null ? "" : `Since ${new Date(since).toLocaleString()}`;
  return [when, reason].filter(Boolean).join(": ").concat(".");
}
