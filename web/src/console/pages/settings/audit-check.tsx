import { Alert, Button, Text } from "@mantine/core";
import { ShieldCheckIcon } from "lucide-react";
import { describeProblem } from "../../api/problems";
import { useAuditCheck } from "./queries";
import styles from "./settings.module.css";
import type { AuditCheck as Check } from "./types";

/** Has the chain of hashes checked: whoever changed, added or took away an entry is found out. */
export function AuditCheck() {
  const checking = useAuditCheck();
  return (
    <section className={styles.check} aria-label="Is the log whole?">
      <div className={styles.checkHead}>
        <Text size="sm" c="dimmed" maw="44rem">
          Everything that staff and machines do. Nothing is ever changed or deleted here, and each entry is bound to
          the one before it.
        </Text>
        <Button
          variant="default"
          loading={checking.isPending}
          leftSection={<ShieldCheckIcon size={16} aria-hidden />}
          onClick={() => checking.mutate()}
        >
          Verify the chain
        </Button>
      </div>
      {checking.isError && (
        <Alert color="red" role="alert" title="The log could not be checked">
          {describeProblem(checking.error)}
        </Alert>
      )}
      {checking.data && <Answer check={checking.data} />}
    </section>
  );
}

function Answer({ check }: { check: Check }) {
  if (check.broken) {
    return (
      <Alert color="red" role="alert" title={`The log is broken at entry ${check.broken.seq}`}>
        <Text size="sm">It is {check.broken.reason}. Somebody had their hands in the database: find out who could.</Text>
      </Alert>
    );
  }
  const isEmpty = check.last_seq < check.first_seq;
  return (
    <Alert color="green" role="status" title={isEmpty ? "The log is whole and still empty" : "The log is whole"}>
      {!isEmpty && (
        <Text size="sm">
          Entries {check.first_seq} to {check.last_seq} are as they were written. Keep this hash elsewhere:{" "}
          <code className={styles.hash}>{check.hash}</code>
        </Text>
      )}
    </Alert>
  );
}
