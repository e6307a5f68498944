import { Alert } from "@mantine/core";
import { CloudOffIcon } from "lucide-react";
import { useConnection } from "../live/live-context";

/** Says that what is on screen may be old, for as long as it may be. */
export function ConnectionBanner() {
  const isAway = useConnection() === "reconnecting";
  return (
    <div role="status">
      {isAway && (
        <Alert color="yellow" mb="md" icon={<CloudOffIcon size={18} aria-hidden />}>
          The desk cannot be reached. What you see may be old; we keep trying.
        </Alert>
      )}
    </div>
  );
}
