import { Alert, Button, Skeleton, Stack, Text } from "@mantine/core";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { describeProblem } from "../api/problems";
import styles from "./states.module.css";

/** Says why something is not shown, and asks again when told to. */
export function LoadProblem({ title, error, retry }: { title: string; error: unknown; retry(): unknown }) {
  return (
    <Alert color="red" title={title} role="alert">
      <Text size="sm" mb="sm">
        {describeProblem(error)}
      </Text>
      <Button size="xs" variant="default" onClick={() => void retry()}>
        Try again
      </Button>
    </Alert>
  );
}

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  /** What to do so that there is something here. */
  children: ReactNode;
}

export function Empty({ icon: Icon, title, children }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <Icon className={styles.icon} size={28} strokeWidth={1.5} aria-hidden />
      <Text fw={600}>{title}</Text>
      <Text component="div" size="sm" c="dimmed" maw="28rem">
        {children}
      </Text>
    </div>
  );
}

/** Stands where rows will be, so that nothing jumps when they come. */
export function SkeletonRows({ rows = 6, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Stack gap="xs" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={height} radius="md" />
      ))}
    </Stack>
  );
}

/** The next page of a list that is longer than what is shown. */
export function More({ list }: { list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage(): unknown } }) {
  if (!list.hasNextPage) return null;
  return (
    <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
      Show more
    </Button>
  );
}
