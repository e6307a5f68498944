import { Button, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Page } from "./page";

/** A page that says only one thing, and what to do about it. */
export function MessagePage({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <Page title={title}>
      <Text c="dimmed" maw="34rem">
        {text}
      </Text>
      <Group mt="md">{children}</Group>
    </Page>
  );
}

export function NotFound() {
  return (
    <MessagePage title="There is nothing here" text="The address may be wrong, or your account may not open this page.">
      <Button component={Link} to="/" variant="default">
        Back to the start
      </Button>
    </MessagePage>
  );
}
