import { Group, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useLocation } from "react-router";

interface PageProps {
  title: string;
  /** What the browser's tab says instead of the title, where one page shows many things. */
  tabTitle?: string;
  /** Buttons and pickers that stand beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: its title, here and in the tab, and what can be done on the whole page. */
export function Page({ title, tabTitle = title, actions, children }: PageProps) {
  useDocumentTitle(`${tabTitle} · Nightdesk`);
  const heading = useFocusAfterNavigation();
  return (
    <>
      <Group className="page__head" justify="space-between" align="center" mb="md">
        <Title order={1} className="page__title" tabIndex={-1} ref={heading}>
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </>
  );
}

/** After a change of page the keyboard and the screen reader go on at its title, as after loading one. */
function useFocusAfterNavigation() {
  const heading = useRef<HTMLHeadingElement>(null);
  const { key } = useLocation();
  const [isFirst] = useState(key === "default");
  useEffect(() => {
    if (isFirst) return;
    window.scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [isFirst]);
  return heading;
}
