import { Group, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

interface PageProps {
  title: string;
  /** Buttons and pickers that stand beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: its title, here and in the tab, and what can be done on the whole page. */
export function Page({ title, actions, children }: PageProps) {
  useDocumentTitle(`${title} · Nightdesk`);
  return (
    <>
      <Group className="page__head" justify="space-between" align="center" mb="md">
        <Title order={1} className="page__title" tabIndex={-1} data-focus-first>
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </>
  );
}
