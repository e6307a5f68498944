import { Alert, Button, Text } from "@mantine/core";
import { ApiError } from "../../../shared/api-error";
import { describeProblem } from "../../api/problems";

/** Searching takes a worker, which has the models; that there is none is nobody's mistake on this page. */
export function SearchProblem({ error, retry }: { error: unknown; retry(): unknown }) {
  const isAboutWorkers = error instanceof ApiError && error.status === 503;
  return (
    <Alert color={isAboutWorkers ? "yellow" : "red"} title="The question could not be tried" role="alert">
      <Text size="sm">{isAboutWorkers ? error.detail : describeProblem(error)}</Text>
      {isAboutWorkers && (
        <Text size="sm" mt={4}>
          Workers search, because they hold the models. Start one with <code>nightdesk worker</code>, or ask your admin.
        </Text>
      )}
      <Button size="xs" variant="default" mt="sm" onClick={() => void retry()}>
        Try again
      </Button>
    </Alert>
  );
}
